//! Rule O6: replicas that share one token.

use std::collections::HashSet;
use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{M2mTokenSource, TokenFormat};

use super::world::{HOUR, SECOND, World, at_once, settle};

fn shared(world: &World) -> M2mTokenSource {
    let builder = world.builder().share_between_replicas(true);
    builder.build().unwrap()
}

#[tokio::test]
async fn o6_replicas_use_one_token_and_renew_it_once() {
    let world = World::new().await;
    let replicas: Vec<_> = (0..5).map(|_| shared(&world)).collect();
    let mut ids = HashSet::new();
    for step in 0..8_640 {
        for replica in &replicas {
            let token = if step < 2 {
                replica.token().await.unwrap()
            } else {
                at_once(replica)
            };
            ids.insert(token.id().to_string());
            settle(replica).await;
        }
        world.pass(SECOND * 10);
    }
    println!(
        "5 replicas, 24 hours: {} tokens, {} calls",
        ids.len(),
        world.asked()
    );
    assert!(ids.len() <= 34, "{} tokens", ids.len());
    assert!(world.asked() <= 5 * 36, "{} calls", world.asked());
}

#[tokio::test]
async fn o6_a_renewal_asks_for_more_than_the_present_token_has_left() {
    let world = World::new().await;
    let source = shared(&world);
    let first = source.token().await.unwrap();
    // A fifth of the lifetime, and the jitter: a token with less would be due at once.
    world.pass(SECOND * 3_100);
    at_once(&source);
    settle(&source).await;
    assert_eq!(world.last_body()["min_remaining_ttl_seconds"], 901);
    assert_ne!(at_once(&source).id(), first.id());
    // Where the mark is early, what is left of the present one is the greater part.
    let early = world.builder().share_between_replicas(true).refresh_at(0.1);
    let source = early.claims(serde_json::json!({"a": 1})).build().unwrap();
    source.token().await.unwrap();
    world.pass(SECOND * 600);
    at_once(&source);
    settle(&source).await;
    let asked = world.last_body()["min_remaining_ttl_seconds"].as_u64();
    assert!(asked > Some(3_000), "{asked:?}");
}

#[tokio::test]
async fn o6_what_is_asked_for_stays_below_the_lifetime() {
    let world = World::new().await;
    for lifetime in [1, 2, 10, 60, 3_600] {
        let builder = world.builder().share_between_replicas(true);
        let source = builder.lifetime(SECOND * lifetime).build().unwrap();
        source.token().await.unwrap();
        let asked = world.last_body()["min_remaining_ttl_seconds"].as_u64();
        assert!(
            asked.unwrap_or(0) < u64::from(lifetime),
            "{asked:?} of {lifetime}"
        );
        world.pass((SECOND * lifetime).mul_f64(0.9));
        source.token().await.unwrap();
        settle(&source).await;
        let asked = world.last_body()["min_remaining_ttl_seconds"].as_u64();
        assert!(
            asked.unwrap_or(0) < u64::from(lifetime),
            "{asked:?} of {lifetime}"
        );
    }
}

#[tokio::test]
async fn o6_the_same_token_again_is_no_renewal_and_no_loop() {
    let world = World::new().await;
    let source = shared(&world);
    let first = source.token().await.unwrap();
    let same = world.clerk.requests()[0].response.clone().unwrap().body;
    let fault = Fault::status(201)
        .header("content-type", "application/json")
        .body(same);
    world.clerk.fault(Endpoint::CreateM2mToken, fault).always();
    world.pass(SECOND * 3_100);
    for _ in 0..489 {
        assert_eq!(at_once(&source).id(), first.id());
        settle(&source).await;
        world.pass(SECOND);
    }
    assert_eq!(world.asked(), 2, "asked once, then left until the margin");
    // Within the margin once a second at most.
    for _ in 0..100 {
        source.token().await.unwrap();
        world.pass(Duration::from_millis(99));
    }
    assert!(world.asked() <= 2 + 11, "{}", world.asked());
}

#[tokio::test]
async fn o6_sharing_is_for_opaque_tokens() {
    let world = World::new().await;
    let builder = world.builder().share_between_replicas(true);
    let error = builder.format(TokenFormat::Jwt).build().unwrap_err();
    assert_eq!(error.setting(), "share_between_replicas");
    let source = world.source();
    source.token().await.unwrap();
    assert!(world.last_body().get("min_remaining_ttl_seconds").is_none());
    let wrong = [
        ("lifetime", world.builder().lifetime(Duration::ZERO)),
        ("refresh_at", world.builder().refresh_at(1.0)),
        ("refresh_at", world.builder().refresh_at(f64::NAN)),
        ("expiry_margin", world.builder().expiry_margin(HOUR * 2)),
        ("timeout", world.builder().timeout(Duration::ZERO)),
        (
            "force_cooldown",
            world.builder().force_cooldown(Duration::ZERO),
        ),
        ("claims", world.builder().claims("a text")),
        (
            "api_url (CLERK_API_URL)",
            world.builder().api_url("http://clerk.example"),
        ),
        (
            "machine_secret_key (CLERK_MACHINE_SECRET_KEY)",
            M2mTokenSource::builder(),
        ),
        (
            "machine_secret_key (CLERK_MACHINE_SECRET_KEY)",
            world.builder().machine_secret_key("sk_test_a"),
        ),
    ];
    for (setting, builder) in wrong {
        assert_eq!(builder.build().unwrap_err().setting(), setting);
    }
}
