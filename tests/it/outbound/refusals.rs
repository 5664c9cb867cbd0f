//! Rules O4 and O5: Clerk's refusals and those of receivers.

use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{TokenFormat, TokenSourceErrorKind};
use serde_json::json;

use super::world::{HOUR, MINUTE, SECOND, World, at_once, settle};

#[tokio::test]
async fn o4_a_rotated_secret_is_reloaded_and_no_call_fails() {
    let world = World::new().await;
    let source = world.builder().machine_secret(world.managed());
    let source = source.build().unwrap();
    source.warm_up().await.unwrap();
    assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 1);
    world
        .clerk
        .rotate_machine_secret(&world.billing, Duration::ZERO);
    world.pass(HOUR * 2);
    source.token().await.unwrap();
    assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 2);
    assert_eq!(world.asked(), 3, "one refused, one sent again");
    assert_eq!(source.health().mints, 2);
}

#[tokio::test]
async fn o4_a_refused_secret_is_an_error_of_its_kind_and_not_for_good() {
    let world = World::new().await;
    let source = world.source();
    world.fail(401);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenSourceErrorKind::Credentials);
    assert!(error.to_string().contains("CLERK_MACHINE_SECRET_KEY"));
    world.clerk.clear_faults();
    world.pass(error.retry_after().unwrap());
    source.token().await.unwrap();
}

#[tokio::test]
async fn o4_an_exhausted_quota_is_asked_again_after_a_minute() {
    let world = World::new().await;
    let source = world.source();
    let first = source.token().await.unwrap();
    let body = json!({"errors": [{"code": "token_quota_exceeded", "message": "quota"}]});
    let quota = Fault::status(403)
        .header("content-type", "application/json")
        .body(body.to_string());
    world.clerk.fault(Endpoint::CreateM2mToken, quota).always();
    world.pass(SECOND * 3_100);
    for _ in 0..299 {
        assert_eq!(at_once(&source).id(), first.id());
        settle(&source).await;
        world.pass(SECOND);
    }
    assert_eq!(world.asked(), 1 + 5, "one attempt in each minute");
    assert_eq!(source.health().problem, Some(TokenSourceErrorKind::Quota));
    world.pass(HOUR);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenSourceErrorKind::Quota);
    assert_eq!(error.retry_after(), Some(MINUTE));
    assert!(error.to_string().contains("quota"));
    world.clerk.clear_faults();
    world.pass(MINUTE);
    source.token().await.unwrap();
}

#[tokio::test]
async fn o4_what_clerk_refuses_for_good_reason_is_told_apart() {
    let refused = [
        (400, TokenSourceErrorKind::Rejected),
        (422, TokenSourceErrorKind::Rejected),
        (403, TokenSourceErrorKind::Credentials),
        (429, TokenSourceErrorKind::RateLimited),
        (500, TokenSourceErrorKind::Unavailable),
    ];
    for (status, kind) in refused {
        let world = World::new().await;
        world.fail(status);
        assert_eq!(world.source().token().await.unwrap_err().kind(), kind);
    }
    let world = World::new().await;
    world
        .clerk
        .fault(Endpoint::CreateM2mToken, Fault::truncated_body())
        .once();
    let source = world.source();
    let kind = source.token().await.unwrap_err().kind();
    assert_eq!(kind, TokenSourceErrorKind::Unavailable);
    let junk = Fault::status(201).body("{}");
    world.clerk.fault(Endpoint::CreateM2mToken, junk).once();
    world.pass(MINUTE);
    let kind = source.token().await.unwrap_err().kind();
    assert_eq!(kind, TokenSourceErrorKind::Unreadable);
}

#[tokio::test]
async fn o5_a_refused_token_is_replaced_once_in_thirty_seconds() {
    let world = World::new().await;
    let source = world.source();
    let first = source.token().await.unwrap();
    assert!(source.refused(&first));
    let second = source.token().await.unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!((world.asked(), source.health().forced), (2, 1));
    // Within the cooldown the token stays in use: other receivers may accept it.
    assert!(!source.refused(&second));
    assert_eq!(at_once(&source).id(), second.id());
    world.pass(SECOND * 29);
    assert!(!source.refused(&second));
    world.pass(SECOND);
    assert!(source.refused(&second));
    source.token().await.unwrap();
    assert_eq!((world.asked(), source.health().forced), (3, 2));
}

#[tokio::test]
async fn o5_a_late_refusal_of_an_old_token_changes_nothing() {
    let world = World::new().await;
    let source = world.source();
    let first = source.token().await.unwrap();
    source.refused(&first);
    let second = source.token().await.unwrap();
    world.pass(MINUTE);
    for _ in 0..100 {
        assert!(source.refused(&first), "there is another token to try");
    }
    assert_eq!(at_once(&source).id(), second.id());
    assert_eq!(world.asked(), 2);
    assert!(source.refused(&second), "and the cooldown is not spent");
}

#[tokio::test]
async fn o5_a_forced_mint_never_asks_for_an_existing_token() {
    let world = World::new().await;
    let source = world.builder().share_between_replicas(true).lifetime(HOUR);
    let source = source.build().unwrap();
    let first = source.token().await.unwrap();
    assert!(world.last_body().get("min_remaining_ttl_seconds").is_some());
    source.refused(&first);
    assert_ne!(source.token().await.unwrap().id(), first.id());
    assert!(world.last_body().get("min_remaining_ttl_seconds").is_none());
}

#[tokio::test]
async fn o5_a_refused_token_is_used_on_where_clerk_gives_no_other() {
    let world = World::new().await;
    let source = world.source();
    let first = source.token().await.unwrap();
    world.fail(503);
    source.refused(&first);
    for _ in 0..100 {
        assert_eq!(source.token().await.unwrap().id(), first.id());
    }
    assert_eq!(world.asked(), 2, "one attempt, then a pause");
    world.clerk.clear_faults();
    world.pass(SECOND * 30);
    assert_ne!(source.token().await.unwrap().id(), first.id());
}

#[tokio::test]
async fn o5_a_receiver_that_always_says_401_causes_one_mint_in_thirty_seconds() {
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let world = World::new().await;
        let source = world.builder().format(format).build().unwrap();
        // 1 000 calls a second for ten minutes.
        for _ in 0..600_000 {
            let token = source.token().await.unwrap();
            source.refused(&token);
            world.pass(Duration::from_millis(1));
        }
        println!("600 000 refusals ({format:?}): {} mints", world.asked());
        assert!(world.asked() <= 21, "{} mints", world.asked());
        assert!(source.health().forced >= 19);
    }
}
