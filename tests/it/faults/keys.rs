//! Rule 7: the life of fetched keys, over hours of virtual time.

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault, KeyRotation};
use serde_json::{Value, json};

use crate::faults::world::{SECOND, World, status};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

/// Waits until what was begun in the background has ended.
pub(crate) async fn settle(service: &clerk_machine_auth::Authenticator) {
    while service.health().in_flight > 0 {
        tokio::time::sleep(SECOND / 200).await;
    }
}

#[tokio::test]
async fn rule_7_keys_are_renewed_behind_the_back_of_requests() {
    let world = World::new().await;
    let service = world.builder().any_sender().build().unwrap();
    let token = world.long_jwt();
    for _ in 0..240 {
        assert_eq!(status(&service, &token).await, 200);
        settle(&service).await;
        world.pass(MINUTE / 4);
    }
    let fetches = world.fetched();
    assert!((11..=16).contains(&fetches), "{fetches} fetches in an hour");
}

#[tokio::test]
async fn rule_7_unchanged_keys_are_not_sent_again() {
    let world = World::new().await;
    world.clerk.configure(|options| options.jwks_etag = true);
    let service = world.builder().any_sender().build().unwrap();
    assert_eq!(status(&service, &world.jwt()).await, 200);
    world.pass(MINUTE * 6);
    assert_eq!(status(&service, &world.jwt()).await, 200);
    let log = world.clerk.requests();
    let answered: Vec<_> = log
        .iter()
        .filter(|request| request.endpoint == Endpoint::GetJwks)
        .map(|request| request.response.as_ref().unwrap().status)
        .collect();
    assert_eq!(answered, [200, 304]);
}

#[tokio::test]
async fn rule_7_keys_stay_in_use_for_an_hour_while_they_cannot_be_renewed() {
    let world = World::new().await;
    let service = world.builder().any_sender().build().unwrap();
    let token = world.long_jwt();
    assert_eq!(status(&service, &token).await, 200);
    for broken in [
        Fault::status(500),
        Fault::status(200).body("{}"),
        Fault::status(200).body(r#"{"keys":[]}"#),
        Fault::hang(),
    ] {
        world.clerk.clear_faults();
        world.clerk.fault(Endpoint::GetJwks, broken).always();
        world.pass(MINUTE * 14);
        assert_eq!(status(&service, &token).await, 200);
    }
    world.pass(MINUTE * 5);
    let error = service.verify(&token).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.reason()), (503, "no_keys"));
    world.clerk.clear_faults();
    world.pass(MINUTE);
    assert_eq!(status(&service, &token).await, 200);
}

#[tokio::test]
async fn rule_7_a_rotation_with_overlap_is_not_noticed() {
    let world = World::new().await;
    let service = world.builder().any_sender().build().unwrap();
    let old = world.jwt();
    assert_eq!(status(&service, &old).await, 200);
    world.pass(SECOND * 31);
    world
        .clerk
        .rotate_keys(KeyRotation::NewKid { keep_old: true });
    let new = world.jwt();
    for token in [&old, &new, &old, &new] {
        assert_eq!(status(&service, token).await, 200);
    }
    world.clerk.remove_old_keys();
    world.pass(MINUTE * 6);
    assert_eq!(
        (status(&service, &new).await, status(&service, &old).await),
        (200, 401)
    );
}

#[tokio::test]
async fn rule_7_the_old_keys_die_when_the_public_set_drops_them() {
    let world = World::new().await;
    let service = world.builder().any_sender().build().unwrap();
    let old = world.long_jwt();
    assert_eq!(status(&service, &old).await, 200);
    world
        .clerk
        .rotate_keys(KeyRotation::NewKid { keep_old: false });
    world.pass(SECOND * 331);
    assert_eq!(
        status(&service, &old).await,
        401,
        "330 s is the published bound"
    );
}

/// A rotation may publish the old and the new key under the instance's id, in either order.
#[tokio::test]
async fn rule_7_a_token_of_either_key_under_one_kid_is_accepted() {
    for reversed in [false, true] {
        let (clerk, other) = (ClerkEmulator::start().await, ClerkEmulator::start().await);
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let (own, foreign) = (published_key(&clerk).await, published_key(&other).await);
        let foreign = with_kid(foreign, &own["kid"]);
        let mut keys = vec![foreign, own];
        if reversed {
            keys.reverse();
        }
        let document = Fault::status(200).body(json!({ "keys": keys }).to_string());
        clerk.fault(Endpoint::GetJwks, document).always();
        let auth = clerk.authenticator_for(&me);
        let token = clerk.m2m_jwt(&caller).create();
        assert!(
            auth.verify(token.token()).await.is_ok(),
            "reversed: {reversed}"
        );
    }
}

async fn published_key(clerk: &ClerkEmulator) -> Value {
    let url = format!("{}/.well-known/jwks.json", clerk.api_url());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["keys"][0].take()
}

fn with_kid(mut key: Value, kid: &Value) -> Value {
    key["kid"] = kid.clone();
    key
}
