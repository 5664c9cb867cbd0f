//! A system without certificates of authorities, as in an image from scratch: whoever never calls
//! anybody needs none, and whoever calls is told what is missing.

use std::ffi::OsStr;

use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{
    AdminClient, AdminErrorKind, Authenticator, TokenType, health::UpstreamProblem,
};

use crate::authenticator::world::{World, reason};
use crate::support::{child, log};

const MISSING: &str = "no certificates of authorities were found; install them (the package \
    `ca-certificates`), or name them in SSL_CERT_FILE or SSL_CERT_DIR";

fn without_roots(test: &str) {
    let nowhere = OsStr::new("/nonexistent");
    let variables = [("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)];
    child::run(&format!("authenticator::no_roots::{test}"), &variables);
}

#[test]
fn a_configured_key_needs_no_roots() {
    without_roots("in_a_child_a_configured_key_verifies");
}

#[tokio::test]
#[ignore = "run by others, in a process of its own"]
async fn in_a_child_a_configured_key_verifies() {
    let clerk = ClerkEmulator::start().await;
    let caller = clerk.machine("caller").create();
    let service = Authenticator::builder()
        .jwt_key(clerk.jwt_key())
        .accept([TokenType::M2m])
        .allow_senders([caller.id()])
        .build()
        .unwrap();
    let token = clerk.m2m_jwt(&caller).create();
    assert_eq!(reason(&service, token.token()).await, "ok");
}

#[test]
fn a_call_without_roots_says_what_is_missing() {
    without_roots("in_a_child_a_call_says_what_is_missing");
}

#[tokio::test]
#[ignore = "run by others, in a process of its own"]
async fn in_a_child_a_call_says_what_is_missing() {
    log::listen();
    let world = World::new().await;
    let admin = AdminClient::builder().secret_key("sk_test_4f8a");
    let admin = admin.build().unwrap();
    let error = admin.machines().list().page().await.unwrap_err();
    assert_eq!(error.kind(), AdminErrorKind::Transport);
    assert!(error.to_string().contains(MISSING), "{error}");
    assert!(!error.is_outcome_unknown());

    let service = world.builder().build().unwrap();
    let key = world.clerk.api_key(world.clerk.new_user_id()).create();
    for _ in 0..3 {
        assert_eq!(reason(&service, key.token()).await, "upstream");
    }
    assert_eq!(service.health().problem, Some(UpstreamProblem::Failing));
    let logged = log::logged();
    let is_report = |line: &&str| line.contains(" ERROR ") && line.contains(MISSING);
    let reports = logged.lines().filter(is_report).count();
    assert_eq!(reports, 2, "once for each client:\n{logged}");
}
