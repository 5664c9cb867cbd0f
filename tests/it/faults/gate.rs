//! Rules 12 and 13: pauses that Clerk asks for, the budget, calls in flight, probes that hang.

use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault, RateLimit};
use clerk_machine_auth::{Authenticator, health::BreakerState};
use futures_util::future::join_all;

use crate::faults::keys::settle;
use crate::faults::world::{SECOND, World, status};

impl World {
    fn always(&self, fault: Fault) {
        self.clerk.clear_faults();
        self.clerk.fault(Endpoint::VerifyApiKey, fault).always();
    }
}

#[tokio::test]
async fn rule_8_a_pause_that_clerk_asks_for_is_kept_up_to_half_a_minute() {
    for (asked, kept) in [("2", 2), ("20", 20), ("86400", 30), ("soon", 1)] {
        let world = World::new().await;
        let service = world.service();
        world.always(Fault::status(429).header("retry-after", asked));
        assert_eq!(status(&service, &world.key()).await, 503);
        world.clerk.clear_faults();
        let error = service.verify(&world.key()).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(SECOND * kept), "{asked}");
        assert_eq!(service.health().breaker, BreakerState::Paused);
        world.pass(SECOND * kept - Duration::from_millis(1));
        assert_eq!(status(&service, &world.key()).await, 503, "{asked}");
        assert_eq!(world.asked(), 1, "{asked}");
        world.pass(Duration::from_millis(1));
        assert_eq!(status(&service, &world.key()).await, 200, "{asked}");
    }
}

#[tokio::test]
async fn rule_12_over_budget_is_an_honest_503_and_known_tokens_have_their_own() {
    let world = World::new().await;
    let builder = world.builder().calls_per_second(15);
    let builder = builder.unknown_calls_per_second(5).call_burst(5);
    let service = builder.build().unwrap();
    let known: Vec<_> = (0..5).map(|_| world.key()).collect();
    for key in &known {
        assert_eq!(status(&service, key).await, 200);
    }
    let error = service.verify(&world.key()).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.reason()), (503, "overload"));
    assert_eq!(
        error.retry_after(),
        Some(SECOND / 5),
        "one in a fifth of a second"
    );
    // Past the fresh time, with the part of the unknown used up again.
    world.pass(SECOND * 67);
    let junk: Vec<_> = (0..50).map(|n| format!("ak_junk_{n}")).collect();
    join_all(junk.iter().map(|token| status(&service, token))).await;
    let before = world.asked();
    for key in &known {
        assert_eq!(status(&service, key).await, 200);
    }
    assert_eq!(world.asked() - before, 5, "all were asked about again");
    assert_eq!(service.health().throttled_refreshes, 0);
}

/// The worst ten seconds: a burst after a quiet time, then as much as anybody likes to send.
#[tokio::test]
async fn rule_12_no_ten_seconds_of_one_process_exceed_clerks_limit() {
    for (limit, per_second) in [
        (RateLimit::DEVELOPMENT, None),
        (RateLimit::PRODUCTION, Some(80)),
    ] {
        let world = World::new().await;
        world
            .clerk
            .configure(|options| options.rate_limit = Some(limit));
        let mut builder = Authenticator::builder()
            .api_url(world.clerk.api_url())
            .secret_key(world.clerk.secret_key())
            .machine_id(world.me.id())
            .clock(world.clerk.clock().clone());
        if let Some(calls) = per_second {
            builder = builder.calls_per_second(calls);
        }
        let service = builder.build().unwrap();
        // Each a question to the registry, in the lane of known tokens.
        let senders: Vec<_> = (0..260)
            .map(|n| world.clerk.machine(format!("sender {n}")).create())
            .collect();
        for (second, senders) in senders.chunks(13).enumerate() {
            let junk: Vec<_> = (0..100).map(|n| format!("ak_junk_{second}_{n}")).collect();
            join_all(junk.iter().map(|token| status(&service, token))).await;
            let jwts: Vec<_> = senders
                .iter()
                .map(|sender| world.clerk.m2m_jwt(sender).create().token().to_owned())
                .collect();
            join_all(jwts.iter().map(|token| status(&service, token))).await;
            world.pass(SECOND / 2);
        }
        let health = service.health();
        assert_eq!(health.last_error, None, "{limit:?}");
        assert_eq!(health.breaker, BreakerState::Closed);
    }
}

#[tokio::test]
async fn rule_12_a_saturated_lane_of_known_tokens_is_reported() {
    let world = World::new().await;
    let builder = world.builder().calls_per_second(2);
    let builder = builder.unknown_calls_per_second(1).call_burst(100);
    let service = builder.build().unwrap();
    let known: Vec<_> = (0..100).map(|_| world.key()).collect();
    for key in &known {
        assert_eq!(status(&service, key).await, 200);
    }
    world.pass(SECOND * 67);
    let junk: Vec<_> = (0..100).map(|n| format!("ak_junk_{n}")).collect();
    join_all(junk.iter().map(|token| status(&service, token))).await;
    for key in &known {
        assert_eq!(
            status(&service, key).await,
            200,
            "served past its fresh time"
        );
    }
    assert!(service.health().throttled_refreshes > 0);
}

#[tokio::test]
async fn rule_12_no_more_calls_are_under_way_than_allowed() {
    let world = World::new().await;
    let service = world.builder().calls_in_flight(3).build().unwrap();
    world.always(Fault::hang());
    let keys: Vec<_> = (0..10).map(|_| world.key()).collect();
    let answers = join_all(keys.iter().map(|key| status(&service, key))).await;
    assert!(answers.iter().all(|answer| *answer == 503));
    assert_eq!(
        world.asked(),
        3,
        "the others wait for a place for half of their time"
    );
    world.clerk.clear_faults();
    let answers = join_all(keys.iter().map(|key| status(&service, key))).await;
    assert!(answers.iter().all(|answer| *answer == 200), "{answers:?}");
}

#[tokio::test]
async fn rule_13_a_blackhole_costs_a_handful_of_timeouts_and_a_lost_probe_costs_nothing() {
    let world = World::new().await;
    let service = world.service();
    world.always(Fault::hang());
    for _ in 0..200 {
        assert_eq!(status(&service, &world.key()).await, 503);
    }
    assert_eq!(world.asked(), 5, "the rest did not wait");
    // A probe hangs; the next is sent half a second later all the same.
    world.pass(SECOND / 2);
    let (probing, key) = (service.clone(), world.key());
    let probe = tokio::spawn(async move { status(&probing, &key).await });
    while world.asked() < 6 {
        tokio::time::sleep(SECOND / 1000).await;
    }
    world.clerk.clear_faults();
    assert_eq!(status(&service, &world.key()).await, 503, "no probe is due");
    world.pass(SECOND / 2);
    assert_eq!(status(&service, &world.key()).await, 200);
    assert_eq!(
        status(&service, &world.key()).await,
        200,
        "all are let through"
    );
    assert_eq!(probe.await.unwrap(), 503);
}

#[tokio::test]
async fn rule_13_a_probe_whose_caller_is_gone_still_counts() {
    let world = World::new().await;
    let service = world.service();
    world.always(Fault::status(500));
    for _ in 0..5 {
        assert_eq!(status(&service, &world.key()).await, 503);
    }
    world.pass(SECOND / 2);
    world.always(Fault::delay(SECOND / 20));
    let gone = tokio::time::timeout(SECOND / 100, service.verify(&world.key()))
        .await
        .is_err();
    assert!(gone, "the caller did not wait");
    settle(&service).await;
    assert_eq!(service.health().breaker, BreakerState::Closed);
    assert_eq!(status(&service, &world.key()).await, 200);
}

/// Unknown tokens take every place that they can get, and wait for more.
#[tokio::test]
async fn rule_12_places_are_kept_for_known_tokens() {
    let world = World::new().await;
    let builder = world.builder().calls_in_flight(4).timeout(SECOND * 2);
    let service = builder.build().unwrap();
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    world.pass(SECOND * 127);
    let jwt = world.jwt();
    world.always(Fault::hang());
    let junk: Vec<_> = (0..10).map(|n| format!("ak_junk_{n:02}")).collect();
    let flood = async { join_all(junk.iter().map(|token| status(&service, token))).await };
    let genuine = async {
        while world.asked() < 4 {
            tokio::time::sleep(SECOND / 100).await;
        }
        status(&service, &jwt).await
    };
    let (_, genuine) = tokio::join!(flood, genuine);
    assert_eq!(genuine, 200, "its sender was asked about");
    assert_eq!(
        world.asked(),
        1 + 3,
        "one place of four was left to known tokens"
    );
}

/// Clerk asks for a pause while others wait for their place.
#[tokio::test]
async fn rule_13_calls_that_waited_keep_to_a_pause_that_began_meanwhile() {
    let world = World::new().await;
    let service = world.builder().calls_in_flight(2).timeout(SECOND * 5);
    let service = service.build().unwrap();
    let throttling = Fault::status(429).header("retry-after", "20");
    world.always(throttling.after(SECOND / 5));
    let keys: Vec<_> = (0..16).map(|_| world.key()).collect();
    let answers = join_all(keys.iter().map(|key| service.verify(key))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().reason(), "rate_limited");
    }
    assert_eq!(world.asked(), 2, "those that were under way");
}

/// Callers add it to the time that it is.
#[tokio::test]
async fn rule_8_no_delay_that_clerk_asks_for_is_passed_on_beyond_an_hour() {
    const HOUR: Duration = Duration::from_secs(3_600);
    for asked in ["86400", "18446744073709551615", "99999999999999999999999"] {
        let world = World::new().await;
        world.always(Fault::status(503).header("retry-after", asked));
        let error = world.service().verify(&world.key()).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(HOUR), "{asked}");
        let broken = Fault::status(422).header("retry-after", asked);
        world.clerk.fault(Endpoint::Any, broken).always();
        let admin = world.service().admin().unwrap().clone();
        let error = admin.machines().list().page().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(HOUR), "{asked}");
        assert_eq!(error.api().unwrap().retry_after, Some(HOUR), "{asked}");
    }
}

/// A key that is used now and then: nothing is cached of it when it comes back.
#[tokio::test]
async fn rule_12_a_token_that_was_good_within_a_day_keeps_the_lane_of_known_tokens() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let world = World::new().await;
    let service = world.builder().calls_per_second(8).build().unwrap();
    let user = world.clerk.new_user_id();
    let keys: Vec<_> = (0..3)
        .map(|_| world.clerk.api_key(&user).create())
        .collect();
    let [used, revoked, left] = &keys[..] else {
        unreachable!()
    };
    for key in &keys {
        assert_eq!(status(&service, key.token()).await, 200);
    }
    let flood = async || {
        let junk: Vec<_> = (0..50).map(|n| format!("ak_junk_{n:02}")).collect();
        join_all(junk.iter().map(|token| status(&service, token))).await;
        let unknown = service.verify(&world.key()).await.unwrap_err();
        assert_eq!(unknown.reason(), "overload");
    };
    world.pass(HOUR * 12);
    assert!(world.clerk.revoke(revoked.id()));
    flood().await;
    assert_eq!(status(&service, used.token()).await, 200);
    assert_eq!(status(&service, revoked.token()).await, 401, "asked about");
    // Twelve hours later one is a day old, and one has been found bad meanwhile.
    world.pass(HOUR * 12);
    flood().await;
    assert_eq!(
        status(&service, used.token()).await,
        200,
        "good again meanwhile"
    );
    assert_eq!(status(&service, revoked.token()).await, 503);
    assert_eq!(status(&service, left.token()).await, 503);
}
