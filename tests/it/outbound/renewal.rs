//! Rules O2, O3 and O9: renewal ahead of time, outages, clocks.

use std::time::{Duration, UNIX_EPOCH};

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{Clock, M2mTokenSource, TokenFormat, TokenSourceErrorKind};

use super::world::{HOUR, MINUTE, SECOND, World, at_once, settle};

/// Uses a source once each `step` for `time`, and never waits.
async fn use_for(world: &World, source: &M2mTokenSource, time: Duration, step: Duration) {
    let steps = time.as_millis() / step.as_millis();
    for _ in 0..steps {
        world.pass(step);
        at_once(source);
        settle(source).await;
    }
}

#[tokio::test]
async fn o2_a_day_of_one_hour_tokens_takes_thirty_mints_and_no_caller_waits() {
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let world = World::new().await;
        let source = world.builder().format(format).build().unwrap();
        source.warm_up().await.unwrap();
        use_for(&world, &source, HOUR * 24, SECOND * 10).await;
        let mints = world.asked();
        println!("24 hours of {format:?} tokens: {mints} mints");
        assert!((29..=31).contains(&mints), "{mints} mints in 24 hours");
        assert_eq!(source.health().mints, mints);
    }
}

#[tokio::test]
async fn o2_a_token_is_renewed_within_five_percent_of_its_mark() {
    for (lifetime, low, high) in [(3_600, 0.75, 0.85), (119, 0.45, 0.55), (120, 0.75, 0.85)] {
        let world = World::new().await;
        let source = world.builder().lifetime(SECOND * lifetime);
        let source = source.build().unwrap();
        let first = source.token().await.unwrap();
        world.pass((SECOND * lifetime).mul_f64(low - 0.001));
        at_once(&source);
        settle(&source).await;
        assert_eq!(world.asked(), 1, "{lifetime}: too early");
        world.pass((SECOND * lifetime).mul_f64(high - low + 0.002));
        assert_eq!(at_once(&source).id(), first.id(), "in the background");
        settle(&source).await;
        assert_eq!(world.asked(), 2, "{lifetime}: too late");
        assert_ne!(at_once(&source).id(), first.id());
    }
}

#[tokio::test]
async fn o2_an_idle_source_mints_nothing() {
    let world = World::new().await;
    let source = world.source();
    source.warm_up().await.unwrap();
    world.pass(HOUR * 24);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.asked(), 1);
    assert!(!source.health().ready);
    source.token().await.unwrap();
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn o2_nobody_waits_for_a_renewal_that_hangs() {
    let world = World::new().await;
    let source = world.source();
    source.warm_up().await.unwrap();
    let hang = Fault::hang();
    world.clerk.fault(Endpoint::CreateM2mToken, hang).always();
    world.pass(SECOND * 3_200);
    for _ in 0..1_000 {
        at_once(&source);
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.asked(), 2, "one renewal for all");
}

#[tokio::test]
async fn o3_an_outage_of_ten_minutes_within_the_validity_fails_no_call() {
    let world = World::new().await;
    let source = world.source();
    let first = source.token().await.unwrap();
    use_for(&world, &source, SECOND * 2_600, SECOND * 10).await;
    assert_eq!(world.asked(), 1);
    world.fail(503);
    // To 3 560 of 3 600 seconds: ten minutes and more after the last mark.
    use_for(&world, &source, SECOND * 960, SECOND).await;
    assert_eq!(at_once(&source).id(), first.id());
    let health = source.health();
    assert_eq!(health.problem, Some(TokenSourceErrorKind::Unavailable));
    assert!(health.ready);
    let tries = world.asked() - 1;
    println!("an outage within the validity: 0 errors, {tries} tries");
    assert!((20..=160).contains(&tries), "{tries} tries");
    world.clerk.clear_faults();
    use_for(&world, &source, SECOND * 31, SECOND).await;
    assert_ne!(at_once(&source).id(), first.id());
    let health = source.health();
    assert_eq!(health.problem, None);
    assert_eq!(health.last_error, Some(TokenSourceErrorKind::Unavailable));
}

#[tokio::test]
async fn o3_the_margin_is_spent_rather_than_failing_and_the_end_is_the_end() {
    let world = World::new().await;
    let source = world.source();
    let first = source.token().await.unwrap();
    world.fail(500);
    world.pass(HOUR - SECOND);
    assert!(!source.health().ready);
    assert_eq!(source.token().await.unwrap().id(), first.id());
    assert_eq!(world.asked(), 2, "within the margin Clerk is asked first");
    world.pass(SECOND - Duration::from_millis(5));
    assert_eq!(source.token().await.unwrap().id(), first.id());
    world.pass(Duration::from_millis(5));
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenSourceErrorKind::Unavailable);
    let asked = world.asked();
    // Within the pause nobody waits and nobody asks.
    let error = source.token().await.unwrap_err();
    assert!(error.retry_after().unwrap() <= SECOND * 30);
    assert_eq!(world.asked(), asked);
    world.clerk.clear_faults();
    world.pass(error.retry_after().unwrap());
    source.token().await.unwrap();
}

#[tokio::test]
async fn o3_a_token_is_over_by_either_clock() {
    // The wall clock is set, or the machine was suspended: noticed within a second.
    let world = World::new().await;
    let source = world.source();
    source.warm_up().await.unwrap();
    world.clerk.clock().jump_wall_forward(HOUR * 2);
    world.pass(SECOND);
    assert!(!source.health().ready);
    source.token().await.unwrap();
    assert_eq!(world.asked(), 2);
    // The wall clock is set back: the token still ends after an hour.
    world.clerk.clock().jump_wall_back(HOUR * 12);
    world.pass(HOUR + SECOND);
    world.fail(503);
    source.token().await.unwrap_err();
}

#[tokio::test]
async fn o3_retry_after_is_honoured_up_to_a_minute() {
    for (asked_for, waits) in [("45", 45), ("86400", 60)] {
        let world = World::new().await;
        let source = world.source();
        let fault = Fault::status(429).header("retry-after", asked_for);
        world.clerk.fault(Endpoint::CreateM2mToken, fault).once();
        let error = source.token().await.unwrap_err();
        assert_eq!(error.kind(), TokenSourceErrorKind::RateLimited);
        assert_eq!(error.retry_after(), Some(SECOND * waits));
        world.pass(SECOND * (waits - 1));
        source.token().await.unwrap_err();
        assert_eq!(world.asked(), 1);
        world.pass(SECOND);
        source.token().await.unwrap();
    }
}

#[tokio::test]
async fn o9_a_token_that_is_expired_on_arrival_is_an_error_that_names_both_clocks() {
    let world = World::new().await;
    let ahead = clerk_machine_auth::testing::TestClock::frozen();
    ahead.set_wall(world.clerk.clock().unix_time() + HOUR * 3);
    let source = world.builder().clock(ahead.clone()).build().unwrap();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenSourceErrorKind::Clock);
    let shown = error.to_string();
    for clock in [world.clerk.clock().unix_time() + HOUR, ahead.unix_time()] {
        let date = httpdate::fmt_http_date(UNIX_EPOCH + clock);
        assert!(shown.contains(&date), "{shown}: {date}");
    }
    // Each attempt is billed.
    for _ in 0..59 {
        ahead.advance(SECOND);
        source.token().await.unwrap_err();
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn o9_a_token_without_expiry_is_renewed_as_if_it_lived_an_hour() {
    let world = World::new().await;
    let source = world.source();
    let body = r#"{"object":"machine_to_machine_token","id":"mt_0","subject":"mch_a","claims":null,
        "scopes":[],"revoked":false,"revocation_reason":null,"expired":false,"expiration":null,
        "token":"mt_secret","last_used_at":null,"created_at":1800000000000,"updated_at":1800000000000}"#;
    let fault = Fault::status(201)
        .header("content-type", "application/json")
        .body(body);
    world.clerk.fault(Endpoint::CreateM2mToken, fault).once();
    let first = source.token().await.unwrap();
    assert_eq!(first.expires_at(), None);
    assert_eq!(first.expose_secret(), "mt_secret");
    world.fail(503);
    world.pass(MINUTE * 44);
    at_once(&source);
    settle(&source).await;
    assert_eq!(world.asked(), 1);
    world.pass(MINUTE * 8);
    at_once(&source);
    settle(&source).await;
    assert_eq!(world.asked(), 2);
    world.pass(HOUR * 1_000);
    assert_eq!(at_once(&source).id(), first.id());
    settle(&source).await;
}

/// A clock that is wrong by less than a lifetime must not turn each call into a mint.
#[tokio::test]
async fn o9_a_clock_that_is_ahead_does_not_mint_without_end() {
    let world = World::new().await;
    let ahead = clerk_machine_auth::testing::TestClock::frozen();
    ahead.set_wall(world.clerk.clock().unix_time() + MINUTE * 50);
    let source = world.builder().clock(ahead.clone()).build().unwrap();
    source.warm_up().await.unwrap();
    for _ in 0..3_600 {
        ahead.advance(SECOND);
        world.pass(SECOND);
        source.token().await.unwrap();
        settle(&source).await;
    }
    let mints = world.asked();
    assert!(mints <= 13, "{mints} mints in an hour");
}
