//! Rules 10 and 11: several authenticators in one process know nothing of each other.

use clerk_machine_auth::Authenticator;
use clerk_machine_auth::testing::{ClerkEmulator, Endpoint};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_10_tenants_with_the_same_kids_and_tokens_never_accept_each_others() {
    for tenants in [2, 8, 64] {
        hold_apart(tenants).await;
    }
}

/// Instances whose keys have one and the same `kid`.
async fn hold_apart(tenants: usize) {
    let clerks = join_all((0..tenants).map(|_| ClerkEmulator::start())).await;
    let services: Vec<Authenticator> = clerks
        .iter()
        .map(|clerk| {
            Authenticator::builder()
                .jwt_key(clerk.jwt_key())
                .any_sender()
                .build()
                .unwrap()
        })
        .collect();
    let header = json!({"alg": "RS256", "kid": "ins_shared", "typ": "JWT"});
    let claims = json!({"sub": "mch_a", "exp": 4_000_000_000_u64, "jti": "mt_a"});
    let tokens: Vec<_> = clerks
        .iter()
        .map(|clerk| clerk.sign_jwt(&header, &claims))
        .collect();
    for _ in 0..5 {
        let all = services
            .iter()
            .enumerate()
            .flat_map(|(service_at, service)| {
                tokens
                    .iter()
                    .enumerate()
                    .map(move |(token_at, token)| async move {
                        (service_at == token_at, service.verify(token).await.is_ok())
                    })
            });
        for (is_own, accepted) in join_all(all).await {
            assert_eq!(is_own, accepted);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_tenants_share_neither_verdicts_nor_questions() {
    let (one, other) = (ClerkEmulator::start().await, ClerkEmulator::start().await);
    let (good, bad) = (
        one.authenticator_for(&one.machine("me").create()),
        other.authenticator_for(&other.machine("me").create()),
    );
    let key = one.api_key(one.new_user_id()).create();
    for _ in 0..10 {
        let (here, there) = tokio::join!(good.verify(key.token()), bad.verify(key.token()));
        assert!(here.is_ok() && there.is_err());
    }
    assert_eq!(one.calls(Endpoint::VerifyApiKey), 1);
    assert_eq!(other.calls(Endpoint::VerifyApiKey), 1);
}

#[tokio::test]
async fn rule_10_two_services_of_one_instance_keep_their_own_receivers() {
    let clerk = ClerkEmulator::start().await;
    let (a, b) = (clerk.machine("a").create(), clerk.machine("b").create());
    let caller = clerk.machine("caller").scoped_to(&a).create();
    let (service_a, service_b) = (clerk.authenticator_for(&a), clerk.authenticator_for(&b));
    for token in [
        clerk.m2m_jwt(&caller).create(),
        clerk.m2m_token(&caller).create(),
    ] {
        for _ in 0..3 {
            assert!(service_a.verify(token.token()).await.is_ok());
            assert!(service_b.verify(token.token()).await.is_err());
        }
    }
}
