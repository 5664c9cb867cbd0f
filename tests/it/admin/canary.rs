//! No secret and no token in any `Debug` or `Display` of a public type.

use std::fmt::{Debug, Write as _};
use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{AdminClient, AdminError, MachineSecret, SecretKey};

use crate::admin::world::{World, machine_id, secret};

#[derive(Default)]
struct Shown(String);

impl Shown {
    fn add(&mut self, value: &impl Debug) {
        let _ = write!(self.0, "{value:?} {value:#?}");
    }

    fn add_error(&mut self, error: &AdminError) {
        self.add(error);
        let _ = write!(self.0, "{error}");
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            let _ = write!(self.0, "{error} {error:?}");
            source = error.source();
        }
    }
}

#[tokio::test]
async fn rule_6_no_public_type_shows_a_secret() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let client = AdminClient::builder()
        .api_url(world.clerk.api_url())
        .secret_key(SecretKey::new(world.clerk.secret_key()).unwrap())
        .machine_secret(secret(machine.secret_key()));
    let mut shown = Shown::default();
    shown.add(&client);
    let client = client.build().unwrap();
    let (machines, tokens, keys) = (client.machines(), client.m2m_tokens(), client.api_keys());
    let own = || secret(machine.secret_key());

    let created = machines.create("billing").send().await.unwrap();
    let token = tokens.create().send().await.unwrap();
    let key = keys
        .create("name", world.clerk.new_user_id())
        .send()
        .await
        .unwrap();
    let id = machine_id(&machine);
    shown.add(&(
        &client,
        machines,
        tokens,
        keys,
        client.jwks(),
        client.oauth_access_tokens(),
    ));
    shown.add(&(&created, &token, &key));
    shown.add(&(machines.create("a"), machines.update(&id), machines.list()));
    shown.add(
        &machines
            .rotate_secret_key(&id, Duration::ZERO)
            .previous(own()),
    );
    shown.add(&(
        tokens.create().with_machine_secret(own()),
        tokens.revoke(&token.info.id),
    ));
    shown.add(
        &tokens
            .verify(token.token.expose_secret())
            .with_machine_secret(own()),
    );
    shown.add(&tokens.list(&id).with_machine_secret(own()));
    shown.add(&tokens.list(&id).stream());
    shown.add(&keys.get_secret(&key.info.id).await.unwrap());
    let managed = MachineSecret::managed(client.clone(), id.clone());
    shown.add(&(managed.load().await.unwrap(), &managed, managed.watch()));
    shown.add(
        &managed
            .rotate_every(Duration::from_secs(60), Duration::from_secs(60))
            .unwrap(),
    );

    let errors = errors_that_echo(&world, &client, token.token.expose_secret()).await;
    errors.iter().for_each(|error| shown.add_error(error));

    let secrets = [
        world.clerk.secret_key(),
        machine.secret_key(),
        created.secret_key.expose_secret(),
        token.token.expose_secret(),
        key.secret.expose_secret(),
    ];
    for (index, secret) in secrets.iter().enumerate() {
        assert!(!shown.0.contains(secret), "secret {index} is shown");
    }
    assert!(shown.0.contains("billing"), "the models are shown");
}

/// Errors of each class whose answers hold the token and the secret of the call.
async fn errors_that_echo(world: &World, client: &AdminClient, token: &str) -> Vec<AdminError> {
    let mut errors = Vec::new();
    // A member of another type than expected is what serde quotes in its own error.
    let quoted = format!("\"{token}\"");
    for (status, scopes) in [(400, "[]"), (200, "[]"), (200, quoted.as_str())] {
        let secret = world.clerk.secret_key();
        let (id, subject) = match scopes {
            "[]" => (token, secret),
            _ => ("mt_a", "mch_a"),
        };
        let body = format!(
            r#"{{"errors":[{{"code":"{token}","message":"{secret}","long_message":"{token}",
                "meta":{{"a":["{token}"]}}}}],"id":"{id}","subject":"{subject}","scopes":{scopes},"clerk_trace_id":"{token}"}}"#
        );
        let fault = Fault::status(status)
            .header("content-type", "application/json")
            .body(body);
        world.clerk.fault(Endpoint::VerifyM2mToken, fault).once();
        let verify = client.m2m_tokens().verify(token).with_instance_secret();
        errors.push(verify.send().await.unwrap_err());
    }
    world
        .clerk
        .fault(Endpoint::VerifyM2mToken, Fault::drop_connection())
        .times(4);
    errors.push(client.m2m_tokens().verify(token).send().await.unwrap_err());
    errors
}
