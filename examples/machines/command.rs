//! What each command does.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use clerk_machine_auth::TokenFormat;
use clerk_machine_auth::admin::Machine;
use clerk_machine_auth::{AdminClient, MachineId};
use serde_json::json;

use crate::cli::{Cli, Command, GraphFormat, Keys, Scope, Secret, Tokens};
use crate::graph;
use crate::output::{self, Row};
use crate::progress;

type Outcome = Result<(), Box<dyn Error>>;

pub(crate) async fn run(cli: Cli, client: &AdminClient, out: &mut impl Write) -> Outcome {
    Session {
        client,
        out,
        json: cli.json,
    }
    .run(cli.command)
    .await
}

struct Session<'a, W> {
    client: &'a AdminClient,
    out: &'a mut W,
    json: bool,
}

impl<W: Write> Session<'_, W> {
    async fn run(mut self, command: Command) -> Outcome {
        match command {
            Command::List { query } => self.list(query).await,
            Command::Create {
                name,
                scoped_to,
                ttl,
            } => self.create(name, scoped_to, ttl).await,
            Command::Show { machine } => {
                let id = self.machine(&machine).await?;
                let machine = self.client.machines().get(&id).await?;
                self.row((&machine).into())
            }
            Command::Scope(scope) => self.scope(scope).await,
            Command::Secret(secret) => self.secret(secret).await,
            Command::Tokens(tokens) => self.tokens(tokens).await,
            Command::Keys(keys) => self.keys(keys).await,
            Command::Graph { svg: true, .. } => self.graph(GraphFormat::Svg).await,
            Command::Graph { format, .. } => self.graph(format).await,
        }
    }

    async fn list(&mut self, query: Option<String>) -> Outcome {
        let list = self.client.machines().list();
        let list = match query {
            Some(query) => list.query(query),
            None => list,
        };
        let machines: Vec<_> = progress::collect(list.stream()).await?;
        self.rows(machines.iter().map(Row::from).collect())
    }

    async fn create(&mut self, name: String, to: Vec<String>, ttl: Option<u64>) -> Outcome {
        let mut create = self.client.machines().create(name);
        for machine in to {
            create = create.scoped_to([self.machine(&machine).await?]);
        }
        if let Some(ttl) = ttl {
            create = create.default_token_ttl(Duration::from_secs(ttl));
        }
        let created = create.send().await?;
        let secret = created.secret_key.expose_secret();
        self.row(Row::from(&created.machine).with("secretKey", secret))
    }

    async fn scope(&mut self, scope: Scope) -> Outcome {
        let (Scope::Add(pair) | Scope::Remove(pair)) = &scope;
        let (from, to) = (
            self.machine(&pair.from).await?,
            self.machine(&pair.to).await?,
        );
        match scope {
            Scope::Add(_) => drop(self.client.machines().create_scope(&from, &to).await?),
            Scope::Remove(_) => self.client.machines().delete_scope(&from, &to).await?,
        }
        let machine = self.client.machines().get(&from).await?;
        self.row((&machine).into())
    }

    async fn secret(&mut self, secret: Secret) -> Outcome {
        let machines = self.client.machines();
        let (id, secret) = match secret {
            Secret::Show { machine } => {
                let id = self.machine(&machine).await?;
                let secret = machines.get_secret_key(&id).await?;
                (id, secret)
            }
            Secret::Rotate {
                machine,
                previous_token_ttl,
            } => {
                let id = self.machine(&machine).await?;
                let ttl = Duration::from_secs(previous_token_ttl);
                let secret = machines.rotate_secret_key(&id, ttl).send().await?;
                (id, secret)
            }
        };
        let secret = json!(secret.expose_secret());
        self.row(Row::new([("id", json!(id)), ("secretKey", secret)]))
    }

    async fn tokens(&mut self, tokens: Tokens) -> Outcome {
        match tokens {
            Tokens::List { machine, all } => {
                let list = self
                    .client
                    .m2m_tokens()
                    .list(&self.machine(&machine).await?);
                let list = list.revoked(all).expired(all);
                let tokens: Vec<_> = progress::collect(list.stream()).await?;
                self.rows(tokens.iter().map(Row::from).collect())
            }
            Tokens::Create { machine, jwt, ttl } => self.create_token(&machine, jwt, ttl).await,
            Tokens::Revoke { id, reason } => {
                let revoke = self.client.m2m_tokens().revoke(&id.parse()?);
                let revoke = match reason {
                    Some(reason) => revoke.reason(reason),
                    None => revoke,
                };
                let token = revoke.send().await?;
                self.row((&token).into())
            }
        }
    }

    /// Only a machine can create its tokens, so its secret is fetched for this one call.
    async fn create_token(&mut self, machine: &str, jwt: bool, ttl: Option<u64>) -> Outcome {
        let id = self.machine(machine).await?;
        let secret = self.client.machines().get_secret_key(&id).await?;
        let mut create = self
            .client
            .m2m_tokens()
            .create()
            .with_machine_secret(secret);
        if jwt {
            create = create.format(TokenFormat::Jwt);
        }
        if let Some(ttl) = ttl {
            create = create.expires_in(Duration::from_secs(ttl));
        }
        let created = create.send().await?;
        self.row(Row::from(&created.info).with("token", created.token.expose_secret()))
    }

    async fn keys(&mut self, keys: Keys) -> Outcome {
        match keys {
            Keys::List { subject, all } => {
                let list = self.client.api_keys().list(subject).include_invalid(all);
                let keys: Vec<_> = progress::collect(list.stream()).await?;
                self.rows(keys.iter().map(Row::from).collect())
            }
            Keys::Create {
                subject,
                name,
                scope,
                ttl,
            } => {
                let mut create = self.client.api_keys().create(name, subject).scopes(scope);
                if let Some(ttl) = ttl {
                    create = create.expires_in(Duration::from_secs(ttl));
                }
                let created = create.send().await?;
                self.row(Row::from(&created.info).with("secret", created.secret.expose_secret()))
            }
            Keys::Revoke { id, reason } => {
                let revoke = self.client.api_keys().revoke(&id.parse()?);
                let revoke = match reason {
                    Some(reason) => revoke.reason(reason),
                    None => revoke,
                };
                let key = revoke.send().await?;
                self.row((&key).into())
            }
        }
    }

    async fn graph(&mut self, format: GraphFormat) -> Outcome {
        let machines: Vec<Machine> =
            progress::collect(self.client.machines().list().stream()).await?;
        if self.json {
            return Ok(writeln!(self.out, "{:#}", graph::json(&machines))?);
        }
        Ok(write!(self.out, "{}", graph::draw(&machines, format))?)
    }

    /// Finds a machine by id, or else by its name, which must be its alone.
    async fn machine(&self, given: &str) -> Result<MachineId, Box<dyn Error>> {
        if let Ok(id) = given.parse() {
            return Ok(id);
        }
        let list = self.client.machines().list().query(given);
        let mut found: Vec<Machine> = progress::collect(list.stream()).await?;
        found.retain(|machine| machine.name == given);
        match found.as_slice() {
            [machine] => Ok(machine.id.clone()),
            [] => Err(format!("no machine has the id or the name {given:?}").into()),
            _ => Err(format!("{} machines are named {given:?}; give an id", found.len()).into()),
        }
    }

    fn row(&mut self, row: Row) -> Outcome {
        Ok(output::row(self.out, self.json, row)?)
    }

    fn rows(&mut self, rows: Vec<Row>) -> Outcome {
        Ok(output::rows(self.out, self.json, rows)?)
    }
}
