//! Creates the objects of a JSON document, with the same checks as Clerk's own API.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::document::{
    Document, Format, Lifetime, NewApiKey, NewM2mToken, NewMachine, NewOAuthClient, NewOAuthToken,
};
use crate::testing::ids;
use crate::testing::jwt;
use crate::testing::refusal::Refusal;
use crate::testing::routes::{
    DEFAULT_SCOPES, checked_description, checked_key_name, checked_machine_name, is_redirect_uri,
};
use crate::testing::state::State;
use crate::testing::state::authorization::Client;
use crate::testing::state::machines::Machine;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::{ApiKeyDetail, M2mDetail, OAUTH_LIFETIME, OAuthDetail};

/// Ten years in seconds: the longest lifetime of a token that expires.
const LONGEST: u64 = 315_360_000;

/// A created token, with its secret.
pub(in crate::testing) struct Made {
    pub(in crate::testing) id: String,
    pub(in crate::testing) token: String,
    pub(in crate::testing) subject: String,
    pub(in crate::testing) expires_at: Option<u64>,
    /// The name of the variable that the document requests.
    pub(in crate::testing) variable: Option<String>,
}

impl Made {
    fn of<T>(entry: Entry<T>, variable: Option<String>) -> Self {
        Self {
            id: entry.id,
            token: entry.secret,
            subject: entry.subject,
            expires_at: entry.expires_at,
            variable,
        }
    }
}

/// The objects that a document created.
#[derive(Default)]
pub(in crate::testing) struct Seeded {
    pub(in crate::testing) machines: Vec<Machine>,
    pub(in crate::testing) tokens: Vec<Made>,
    pub(in crate::testing) clients: Vec<Client>,
}

/// Creates all objects of a document, or none.
pub(in crate::testing) fn document(
    state: &mut State,
    document: Document,
    now: u64,
) -> Result<Seeded, Refusal> {
    let mut next = state.clone();
    let seeded = everything(&mut next, document, now)?;
    *state = next;
    Ok(seeded)
}

fn everything(state: &mut State, document: Document, now: u64) -> Result<Seeded, Refusal> {
    let mut seeded = Seeded::default();
    for secret in document.secret_keys {
        state
            .instance
            .know_secret(checked_secret("secretKeys", secret, "sk_test_")?);
    }
    if let Some(user) = document.signed_in_as {
        state.authorization.user = checked_id("signedInAs", user, &["user"])?;
    }
    seeded.machines = machines(state, document.machines, now)?;
    for token in document.m2m_tokens {
        seeded.tokens.push(m2m_token(state, token, now)?);
    }
    for key in document.api_keys {
        seeded.tokens.push(api_key(state, key, now)?);
    }
    for token in document.oauth_tokens {
        seeded.tokens.push(oauth_token(state, token, now)?);
    }
    for client in document.oauth_clients {
        seeded.clients.push(oauth_client(state, client)?);
    }
    Ok(seeded)
}

/// Creates machines, then their scopes, so that a machine may refer to a later one.
pub(in crate::testing) fn machines(
    state: &mut State,
    machines: Vec<NewMachine>,
    now: u64,
) -> Result<Vec<Machine>, Refusal> {
    let mut created = Vec::new();
    for machine in machines {
        let reached = machine.scoped_to.clone();
        created.push((self::machine(state, machine, now)?.id, reached));
    }
    for (id, reached) in &created {
        for other in reached {
            let other = state.machines.find(other)?.id.clone();
            state.machines.grant(id, &other, now)?;
        }
    }
    let ids = created.into_iter().map(|(id, _)| id);
    ids.map(|id| state.machines.get(&id).cloned()).collect()
}

fn machine(state: &mut State, new: NewMachine, now: u64) -> Result<Machine, Refusal> {
    let name = checked_machine_name(new.name)?;
    let ttl = new.default_token_ttl.unwrap_or(3_600);
    within("defaultTokenTtl", ttl)?;
    let id = match new.id {
        Some(id) => checked_id("id", id, &["mch"])?,
        None => ids::word_id("mch"),
    };
    let secret = match new.secret_key {
        Some(secret) => checked_secret("secretKey", secret, "ak_")?,
        None => ids::secret("ak"),
    };
    if state.machines.contains(&id) || state.machines.has_secret(&secret) {
        return Err(Refusal::conflict(
            "a machine has this id or this secret key",
        ));
    }
    Ok(state
        .machines
        .create_as(id, secret, &name, BTreeSet::new(), ttl, now))
}

/// Creates an M2M token of a machine.
pub(in crate::testing) fn m2m_token(
    state: &mut State,
    new: NewM2mToken,
    now: u64,
) -> Result<Made, Refusal> {
    let variable = checked_variable(new.variable)?;
    let machine = state.machines.find(&new.machine)?.clone();
    let expires_at = expires_at(new.lifetime_seconds, Some(machine.default_token_ttl), now)?;
    if new.format == Format::Opaque {
        let scopes = machine.scopes.into_iter().collect();
        let detail = M2mDetail {
            claims: new.claims,
            scopes,
        };
        return Ok(Made::of(
            state.m2m.create(&machine.id, detail, expires_at, now),
            variable,
        ));
    }
    let claims = custom_claims(state, new.claims)?;
    let parts = jwt::m2m(state, &machine.id, expires_at, claims, now);
    Ok(Made {
        token: signed(state, &parts),
        id: parts.id,
        subject: machine.id,
        expires_at: Some(parts.expires_at),
        variable,
    })
}

fn custom_claims(state: &State, claims: Value) -> Result<Map<String, Value>, Refusal> {
    let claims = match claims {
        Value::Null => Map::new(),
        Value::Object(claims) => claims,
        _ => {
            return Err(Refusal::param_invalid(
                "claims",
                "must be an object in a JWT",
            ));
        }
    };
    let reserved = &state.options.reserved_claims;
    match claims.keys().find(|name| reserved.contains(name)) {
        Some(name) => Err(Refusal::reserved_claim(name)),
        None => Ok(claims),
    }
}

/// Creates an API key.
pub(in crate::testing) fn api_key(
    state: &mut State,
    new: NewApiKey,
    now: u64,
) -> Result<Made, Refusal> {
    let variable = checked_variable(new.variable)?;
    let subject = match new.subject {
        Some(subject) => checked_id("subject", subject, &["user", "org", "mch"])?,
        None => ids::word_id("user"),
    };
    let name = new.name.unwrap_or_else(|| ids::word_secret("key "));
    let detail = ApiKeyDetail {
        key_type: "api_key".to_owned(),
        name: checked_key_name(name)?,
        description: checked_description(new.description)?,
        claims: new.claims,
        scopes: new.scopes,
        created_by: None,
    };
    let expires_at = expires_at(new.lifetime_seconds, None, now)?;
    let blocks = state.options.revoked_name_blocks;
    let key = state
        .api_keys
        .create(&subject, detail, expires_at, blocks, now)?;
    Ok(Made::of(key, variable))
}

/// Issues an OAuth access token.
pub(in crate::testing) fn oauth_token(
    state: &mut State,
    new: NewOAuthToken,
    now: u64,
) -> Result<Made, Refusal> {
    let variable = checked_variable(new.variable)?;
    let user = match new.subject {
        Some(user) => checked_id("subject", user, &["user"])?,
        None => ids::word_id("user"),
    };
    if new.lifetime_seconds == Lifetime::Endless {
        return Err(Refusal::param_invalid(
            "lifetimeSeconds",
            "an OAuth token always expires",
        ));
    }
    let usual = Some(OAUTH_LIFETIME.as_secs());
    let expires_at = expires_at(new.lifetime_seconds, usual, now)?.unwrap_or(now);
    let client = new.client_id.unwrap_or_else(|| ids::word_id("client"));
    let mut detail = OAuthDetail::new(client, new.format == Format::Jwt);
    detail.scopes = new.scopes;
    detail.audience = audience(new.audience);
    let (id, token) = if new.format == Format::Jwt {
        let parts = jwt::oauth(state, &user, &detail, expires_at, now);
        (parts.id.clone(), signed(state, &parts))
    } else {
        (ids::hex_id("oat"), ids::secret("oat"))
    };
    let mut entry = Entry::new(id, token, &user, detail);
    entry.expires_at = Some(expires_at);
    state.oauth.insert(entry.clone(), Some(expires_at), now);
    Ok(Made::of(entry, variable))
}

fn audience(mut audience: Vec<String>) -> Value {
    match audience.len() {
        0 => Value::Null,
        1 => audience.remove(0).into(),
        _ => audience.into(),
    }
}

/// Registers a client of the authorization server.
pub(in crate::testing) fn oauth_client(
    state: &mut State,
    new: NewOAuthClient,
) -> Result<Client, Refusal> {
    let uris = new.redirect_uris;
    if uris.is_empty() || !uris.iter().all(|uri| is_redirect_uri(uri)) {
        let why = "must be URIs: https, http on the loopback interface, or an application's scheme";
        return Err(Refusal::param_invalid("redirectUris", why));
    }
    let scopes = DEFAULT_SCOPES.map(str::to_owned).to_vec();
    Ok(state.authorization.register(uris, scopes, new.confidential))
}

fn signed(state: &State, parts: &jwt::Parts) -> String {
    let key = state.keys.current();
    key.sign(&parts.header.to_string(), &parts.claims.to_string())
}

fn expires_at(lifetime: Lifetime, usual: Option<u64>, now: u64) -> Result<Option<u64>, Refusal> {
    let seconds = match lifetime {
        Lifetime::Usual => usual,
        Lifetime::Endless => None,
        Lifetime::Seconds(seconds) => {
            within("lifetimeSeconds", seconds)?;
            Some(seconds)
        }
    };
    Ok(seconds.map(|seconds| now.saturating_add(seconds.saturating_mul(1000))))
}

fn within(name: &str, seconds: u64) -> Result<(), Refusal> {
    if (1..=LONGEST).contains(&seconds) {
        return Ok(());
    }
    let why = format!("must be a whole number between 1 and {LONGEST}");
    Err(Refusal::param_invalid(name, &why))
}

/// Checks that an id has Clerk's format.
pub(in crate::testing) fn checked_id(
    name: &str,
    id: String,
    prefixes: &[&str],
) -> Result<String, Refusal> {
    if ids::is_word_id(&id, prefixes) {
        return Ok(id);
    }
    Err(Refusal::param_invalid(name, &ids::expected(prefixes)))
}

fn checked_secret(name: &str, secret: String, prefix: &str) -> Result<String, Refusal> {
    let tail = secret.strip_prefix(prefix).unwrap_or_default();
    if (16..=256).contains(&tail.len()) && tail.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(secret);
    }
    let why = format!("must be `{prefix}` and 16 to 256 more characters without spaces");
    Err(Refusal::param_invalid(name, &why))
}

fn checked_variable(name: Option<String>) -> Result<Option<String>, Refusal> {
    let good = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name.len() <= 100
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if name.as_ref().is_none_or(good) {
        return Ok(name);
    }
    let why = "must be a name such as BILLING_TOKEN";
    Err(Refusal::param_invalid("variable", why))
}
