//! The line that is logged when an authenticator is built: what it accepts, and of whom.

use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder, TokenType};

use crate::support::log;

const ME: &str = "mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk";
const PUBLISHABLE_KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZSQ=";

/// What building this logs at INFO.
fn line(builder: AuthenticatorBuilder) -> String {
    log::listen();
    let before = log::logged().len();
    builder.build().unwrap();
    let logged = log::logged()[before..].to_owned();
    let lines: Vec<_> = logged
        .lines()
        .filter(|line| line.contains(" INFO clerk_machine_auth"))
        .collect();
    assert_eq!(lines.len(), 1, "{logged}");
    lines[0].to_owned()
}

fn announces(builder: AuthenticatorBuilder, expected: &[&str]) {
    let line = line(builder);
    for expected in expected {
        assert!(line.contains(expected), "{expected} is not in: {line}");
    }
    for secret in ["4f8acanary", "ak_", "sk_test"] {
        assert!(!line.contains(secret), "{line}");
    }
}

#[tokio::test]
async fn a_built_authenticator_says_what_it_accepts_and_of_whom() {
    let clerk = ClerkEmulator::start().await;
    let everything = Authenticator::builder()
        .secret_key("sk_test_4f8acanary")
        .machine_secret_key("ak_4f8acanary")
        .machine_id(ME);
    announces(
        everything.clone(),
        &[
            "jwt=m2m_token, oauth_token ",
            "opaque=m2m_token, api_key, oauth_token ",
            "keys=the Backend API ",
            "senders=those that Clerk's registry lets call this machine ",
            &format!("machine={ME}"),
        ],
    );
    announces(
        everything.clone().allow_senders([ME, "mch_b"]),
        &["senders=the 2 of allow_senders "],
    );
    announces(
        everything.clone().any_sender(),
        &["senders=every machine of the instance (any_sender) "],
    );
    announces(
        everything.clone().trust_scope_claims(),
        &["senders=those whose tokens name this machine (trust_scope_claims) "],
    );
    announces(
        everything.accept([TokenType::ApiKey]),
        &[
            "jwt=none ",
            "opaque=api_key ",
            "keys=none ",
            "senders=none ",
        ],
    );
    announces(
        Authenticator::builder().machine_secret_key("ak_4f8acanary"),
        &[
            "jwt=none ",
            "opaque=m2m_token ",
            "keys=none ",
            "senders=those that Clerk lets reach the machine of the machine secret ",
            "machine=unknown",
        ],
    );
    announces(
        Authenticator::builder()
            .publishable_key(PUBLISHABLE_KEY)
            .accept([TokenType::OAuth]),
        &[
            "jwt=oauth_token ",
            "opaque=none ",
            "keys=the public key set at https://clerk.example/.well-known/jwks.json ",
            "senders=none ",
        ],
    );
    announces(
        Authenticator::builder()
            .secret_key("sk_test_4f8acanary")
            .machine_id(ME)
            .jwt_key(clerk.jwt_key()),
        &["keys=jwt_key "],
    );
}
