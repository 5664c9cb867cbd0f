//! Rule 19: no secret and no token where anybody could read it.

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
use clerk_machine_auth::{AuthError, ClerkMachineAuth, MachineId, MachineSecret, RequireScopes};

use crate::support::log;

/// Uses everything, well and badly, and returns every text that this crate made of it.
async fn use_everything(clerk: &ClerkEmulator) -> (Vec<String>, Vec<String>) {
    let me = clerk.machine("me").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let builder = clerk.authenticator_builder(&me);
    let service = builder.clone().build().unwrap();
    let admin = service.admin().unwrap().clone();
    let managed = MachineSecret::managed(admin.clone(), MachineId::new(me.id()).unwrap());
    managed.load().await.unwrap();
    let key = clerk.api_key(clerk.new_user_id()).scopes(["a"]).create();
    let tokens = vec![
        clerk.m2m_jwt(&caller).create().token().to_owned(),
        clerk.m2m_token(&caller).create().token().to_owned(),
        clerk
            .oauth_jwt(clerk.new_user_id())
            .create()
            .token()
            .to_owned(),
        clerk
            .oauth_token(clerk.new_user_id())
            .create()
            .token()
            .to_owned(),
        key.token().to_owned(),
        "mt_canary_of_a_bad_token".to_owned(),
        "no class canary".to_owned(),
    ];
    let mut texts = vec![
        format!(
            "{builder:?} {service:?} {admin:?} {managed:?} {:?}",
            service.health()
        ),
        format!("{:?}", ClerkMachineAuth::new(service.clone())),
        format!("{:?}", RequireScopes::all(["a"])),
    ];
    for fault in [None, Some(500), Some(401), Some(429)] {
        if let Some(status) = fault {
            clerk.fault(Endpoint::Any, Fault::status(status)).always();
            service.invalidate_all();
        }
        for token in tokens.iter().chain([&me.secret_key().to_owned()]) {
            let answer = service.verify(token).await;
            texts.push(format!("{answer:?}"));
            texts.extend(
                answer
                    .as_ref()
                    .ok()
                    .map(|auth| serde_json::to_string(auth).unwrap()),
            );
            texts.extend(answer.err().map(|error| chain(&error)));
        }
        texts.push(format!(
            "{:?}",
            admin
                .machines()
                .get(&MachineId::new(me.id()).unwrap())
                .await
        ));
    }
    let secrets = [clerk.secret_key(), me.secret_key(), caller.secret_key()].map(str::to_owned);
    (texts, tokens.into_iter().chain(secrets).collect())
}

fn chain(error: &AuthError) -> String {
    let mut text = format!("{error} {error:?} {}", error.reason());
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

/// The parts of a token that would give it away: for a JWT its signature.
fn canary(secret: &str) -> &str {
    secret.rsplit('.').next().unwrap()
}

#[tokio::test]
async fn rule_19_neither_logs_nor_texts_show_a_secret_or_a_token() {
    log::listen();
    let clerk = ClerkEmulator::start().await;
    let (texts, secrets) = use_everything(&clerk).await;
    let logged = log::logged();
    assert!(
        logged.contains("clerk_machine_auth"),
        "something was logged"
    );
    for secret in &secrets {
        let canary = canary(secret);
        assert!(!logged.contains(canary), "logged: {canary}");
        for text in &texts {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
}

#[tokio::test]
async fn rule_19_no_byte_of_an_attacker_reaches_the_log() {
    log::listen();
    let clerk = ClerkEmulator::start().await;
    let service = clerk.authenticator_for(&clerk.machine("me").create());
    for (name, value) in [
        ("kid", "kid-canary4f8a"),
        ("cat", "cat-canary4f8a"),
        ("typ", "typ-canary4f8a"),
    ] {
        let caller = clerk.machine("caller").create();
        let token = clerk
            .m2m_jwt(&caller)
            .header(name, value)
            .claim("jti", "jti-canary4f8a")
            .create();
        assert!(service.verify(token.token()).await.is_err());
    }
    let logged = log::logged();
    assert!(
        logged.contains("clerk_machine_auth"),
        "something was logged"
    );
    assert!(!logged.contains("canary4f8a"), "{logged}");
}
