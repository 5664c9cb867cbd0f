//! Rule 7: keys that change, break or cannot be had, and what tokens under them get.

use clerk_machine_auth::Authenticator;
use clerk_machine_auth::testing::{Endpoint, Fault, KeyRotation};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::faults::keys::settle;
use crate::faults::world::{SECOND, World, status};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

impl World {
    /// A service that asks nobody about senders: only the keys count.
    fn by_keys(&self) -> Authenticator {
        self.builder().any_sender().build().unwrap()
    }

    pub(crate) fn long_jwt(&self) -> String {
        let token = self.clerk.m2m_jwt(&self.caller).lifetime(MINUTE * 6_000);
        token.create().token().to_owned()
    }

    async fn key_set(&self) -> String {
        let url = format!("{}/.well-known/jwks.json", self.clerk.api_url());
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }

    fn stranger(&self, kid: &str) -> String {
        let token = self.clerk.m2m_jwt(&self.caller).header("kid", kid);
        token.create().token().to_owned()
    }
}

#[tokio::test]
async fn rule_7_a_new_key_is_in_use_at_once_even_right_after_a_fetch() {
    for rotation in [
        KeyRotation::NewKid { keep_old: true },
        KeyRotation::NewKid { keep_old: false },
        KeyRotation::SameKid,
    ] {
        let world = World::new().await;
        let service = world.by_keys();
        assert_eq!(status(&service, &world.jwt()).await, 200);
        world.pass(SECOND);
        world.clerk.rotate_keys(rotation);
        assert_eq!(status(&service, &world.jwt()).await, 200, "{rotation:?}");
        assert_eq!(world.fetched(), 2, "{rotation:?}");
    }
}

/// A renewal asked before the rotation and lands after it; the token was waiting for it.
#[tokio::test]
async fn rule_7_a_token_that_joined_a_fetch_which_asked_too_early_asks_again() {
    let world = World::new().await;
    let service = world.by_keys();
    let old = world.long_jwt();
    assert_eq!(status(&service, &old).await, 200);
    let early = Fault::status(200).body(world.key_set().await);
    let early = early.after(SECOND / 5);
    world.clerk.fault(Endpoint::GetJwks, early).once();
    world.pass(MINUTE * 5 - SECOND * 31);
    while world.fetched() < 2 {
        assert_eq!(status(&service, &old).await, 200);
        tokio::time::sleep(SECOND / 100).await;
        world.pass(SECOND);
    }
    let rotation = KeyRotation::NewKid { keep_old: true };
    world.clerk.rotate_keys(rotation);
    assert_eq!(status(&service, &world.jwt()).await, 200);
    assert_eq!(world.fetched(), 3);
}

/// Keys that were fetched for this very token are as new as can be.
#[tokio::test]
async fn rule_7_an_unknown_kid_at_the_first_fetch_asks_once() {
    let world = World::new().await;
    let service = world.by_keys();
    assert_eq!(status(&service, &world.stranger("ins_other")).await, 401);
    assert_eq!(world.fetched(), 1);
}

#[tokio::test]
async fn rule_7_the_second_rotation_within_a_cooldown_waits_for_its_end() {
    let world = World::new().await;
    let service = world.by_keys();
    assert_eq!(status(&service, &world.jwt()).await, 200);
    for expected in [200, 401] {
        world.clerk.rotate_keys(KeyRotation::SameKid);
        assert_eq!(status(&service, &world.jwt()).await, expected);
    }
    world.pass(SECOND * 29);
    assert_eq!(status(&service, &world.jwt()).await, 401);
    world.pass(SECOND);
    assert_eq!(
        status(&service, &world.jwt()).await,
        200,
        "30 s is the published bound"
    );
}

#[tokio::test]
async fn rule_7_a_key_that_went_under_its_own_name_takes_its_verdicts_with_it() {
    let world = World::new().await;
    let service = world.by_keys();
    let old = world.jwt();
    assert_eq!(status(&service, &old).await, 200);
    world.clerk.rotate_keys(KeyRotation::SameKid);
    assert_eq!(status(&service, &old).await, 200, "nobody knows yet");
    assert_eq!(status(&service, &world.jwt()).await, 200);
    assert_eq!(status(&service, &old).await, 401);
}

#[tokio::test]
async fn rule_7_the_cooldown_counts_tries_not_successes() {
    let world = World::new().await;
    let service = world.by_keys();
    let good = world.long_jwt();
    assert_eq!(status(&service, &good).await, 200);
    world
        .clerk
        .fault(Endpoint::GetJwks, Fault::status(500))
        .always();
    for second in 0..120_u32 {
        for n in 0..5 {
            // Its key may have been published by now: nobody can tell.
            let token = world.stranger(&format!("ins_{second}_{n}"));
            assert_eq!(status(&service, &token).await, 503);
        }
        assert_eq!(status(&service, &good).await, 200);
        world.pass(SECOND);
    }
    assert_eq!(
        world.fetched(),
        1 + 4,
        "one for each cooldown of two minutes"
    );
}

#[tokio::test]
async fn rule_7_a_token_that_fits_no_key_is_503_until_a_fetch_succeeds() {
    for rotation in [KeyRotation::NewKid { keep_old: true }, KeyRotation::SameKid] {
        let world = World::new().await;
        let service = world.by_keys();
        assert_eq!(status(&service, &world.jwt()).await, 200);
        world.clerk.rotate_keys(rotation);
        let failing = Fault::status(500);
        world.clerk.fault(Endpoint::GetJwks, failing).always();
        let (new, stranger) = (world.jwt(), world.stranger("ins_other"));
        for left in [30, 20, 10] {
            if left == 10 {
                world.clerk.clear_faults();
            }
            for token in [&new, &stranger] {
                let error = service.verify(token).await.unwrap_err();
                let answer = (error.status().as_u16(), error.reason(), error.retry_after());
                assert_eq!(
                    answer,
                    (503, "no_keys", Some(SECOND * left)),
                    "{rotation:?}"
                );
            }
            world.pass(SECOND * 10);
        }
        assert_eq!(status(&service, &new).await, 200, "{rotation:?}");
        assert_eq!(status(&service, &stranger).await, 401, "{rotation:?}");
        assert_eq!(world.fetched(), 3, "{rotation:?}");
    }
}

#[tokio::test]
async fn rule_7_one_fetch_at_a_time() {
    let world = World::new().await;
    let slow = Fault::delay(SECOND / 5);
    world.clerk.fault(Endpoint::GetJwks, slow).always();
    let service = world.by_keys();
    let tokens: Vec<_> = (0..200).map(|_| world.jwt()).collect();
    let answers = join_all(tokens.iter().map(|token| status(&service, token))).await;
    assert!(answers.iter().all(|answer| *answer == 200));
    assert_eq!(world.fetched(), 1, "two hundred first tokens");
    let strangers: Vec<_> = (0..200).map(|n| world.stranger(&n.to_string())).collect();
    let answers = join_all(strangers.iter().map(|token| status(&service, token))).await;
    assert!(answers.iter().all(|answer| *answer == 401));
    assert_eq!(world.fetched(), 2, "two hundred unknown keys");
}

#[tokio::test]
async fn rule_7_one_bad_key_spoils_nothing_and_a_broken_set_replaces_nothing() {
    let world = World::new().await;
    let service = world.by_keys();
    let good = world.long_jwt();
    let mut set: Value = serde_json::from_str(&world.key_set().await).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.insert(
        0,
        json!({"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB"}),
    );
    keys.insert(0, json!("nonsense"));
    let with_bad_keys = Fault::status(200).body(set.to_string());
    let broken = [
        with_bad_keys,
        Fault::status(200).body(r#"{"keys":[]}"#),
        Fault::status(200).body(r#"{"keys":["nonsense"]}"#),
        Fault::status(200).body("<html>"),
        Fault::status(200).body("x".repeat(300_000)),
        Fault::status(301).header("location", "/elsewhere"),
        Fault::truncated_body(),
    ];
    for fault in broken {
        world.clerk.clear_faults();
        world.clerk.fault(Endpoint::GetJwks, fault.clone()).always();
        let before = world.fetched();
        world.pass(MINUTE * 6);
        assert_eq!(status(&service, &good).await, 200, "{fault:?}");
        settle(&service).await;
        assert!(world.fetched() > before, "{fault:?} was fetched");
    }
}

/// Keys cannot be had for two hours: an hour of service, and tries that are spaced.
#[tokio::test]
async fn rule_7_while_keys_cannot_be_had_tries_are_spaced_and_the_end_is_honest() {
    let world = World::new().await;
    let service = world.by_keys();
    let good = world.long_jwt();
    assert_eq!(status(&service, &good).await, 200);
    world
        .clerk
        .fault(Endpoint::GetJwks, Fault::status(500))
        .always();
    let (mut served, mut refused) = (0, 0);
    for step in 0..720 {
        match status(&service, &good).await {
            200 => served = step,
            503 => refused += 1,
            other => panic!("{other}"),
        }
        settle(&service).await;
        world.pass(SECOND * 10);
    }
    let tries = world.fetched();
    println!(
        "two hours without keys: served for {} s, {tries} tries",
        served * 10
    );
    assert_eq!((served, refused), (359, 360), "an hour to the step");
    assert!(tries <= 2 + 7_200 / 30 + 5, "{tries}");
    world.clerk.clear_faults();
    world.pass(SECOND * 30);
    assert_eq!(status(&service, &good).await, 200);
}

/// Clerk's `kid` is the id of the instance, so a rotation may list old and new key under one.
#[tokio::test]
async fn rule_7_two_keys_under_one_kid_are_both_tried_and_a_third_is_not() {
    let world = World::new().await;
    let mut keys: Vec<Value> = Vec::new();
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let set: Value = serde_json::from_str(&world.key_set().await).unwrap();
        keys.extend(set["keys"].as_array().unwrap().clone());
        tokens.push(world.long_jwt());
        world.clerk.rotate_keys(KeyRotation::SameKid);
    }
    let kid = keys[0]["kid"].clone();
    assert!(keys.len() == 3 && keys.iter().all(|key| key["kid"] == kid));
    // A key that is listed twice is one key.
    keys.insert(1, keys[0].clone());
    let body = json!({ "keys": keys }).to_string();
    let listed = Fault::status(200).body(body);
    world.clerk.fault(Endpoint::GetJwks, listed).always();
    let service = world.by_keys();
    assert_eq!(status(&service, &tokens[0]).await, 200);
    assert_eq!(status(&service, &tokens[1]).await, 200);
    assert_eq!(status(&service, &tokens[2]).await, 401);
    let forged = tokens[1].rsplit_once('.').unwrap().0.to_owned() + "." + &"A".repeat(342);
    assert_eq!(status(&service, &forged).await, 401);
}
