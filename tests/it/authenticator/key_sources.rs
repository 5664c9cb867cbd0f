//! Rule 7: the three places from which keys come.

use clerk_machine_auth::AuthErrorKind;
use clerk_machine_auth::testing::{Endpoint, Fault, KeyRotation};

use crate::authenticator::world::{World, reason};

const FETCHES: [Endpoint; 2] = [Endpoint::GetJwks, Endpoint::PublicJwks];

#[tokio::test]
async fn rule_7_keys_come_from_pem_from_the_api_or_from_the_public_set() {
    let world = World::new().await;
    let sources = [
        ("pem", world.bare().jwt_key(world.clerk.jwt_key()), [0, 0]),
        (
            "public",
            world.bare().publishable_key(world.clerk.publishable_key()),
            [0, 1],
        ),
        (
            "api",
            world.bare().secret_key(world.clerk.secret_key()),
            [1, 0],
        ),
        // The better one wins where there are several.
        (
            "pem and public",
            world.builder().jwt_key(world.clerk.jwt_key()),
            [0, 0],
        ),
        ("api and public", world.builder(), [1, 0]),
    ];
    for (name, builder, expected) in sources {
        world.clerk.reset_log();
        let auth = builder.any_sender().build().unwrap();
        assert_eq!(
            reason(&auth, &world.jwt(&world.caller)).await,
            "ok",
            "{name}"
        );
        assert_eq!(
            FETCHES.map(|endpoint| world.calls(endpoint)),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn rule_7_a_pem_is_taken_in_every_spelling_and_ignores_kid() {
    let world = World::new().await;
    let pem = world.clerk.jwt_key();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let token = world
        .clerk
        .m2m_jwt(&world.caller)
        .header("kid", "whatever")
        .create();
    for spelling in [
        pem.clone(),
        pem.replace('\n', "\\n"),
        body,
        format!("\"{pem}\""),
    ] {
        let auth = world.bare().jwt_key(spelling).any_sender().build().unwrap();
        assert_eq!(reason(&auth, token.token()).await, "ok");
    }
}

#[tokio::test]
async fn rule_7_the_public_set_gives_the_issuer() {
    let world = World::new().await;
    let builder = world
        .bare()
        .publishable_key(world.clerk.publishable_key())
        .any_sender();
    let auth = builder.clone().build().unwrap();
    let foreign = world
        .clerk
        .m2m_jwt(&world.caller)
        .claim("iss", "https://other.dev");
    let foreign = foreign.create();
    assert_eq!(reason(&auth, foreign.token()).await, "wrong_issuer");
    let named = builder.issuer("https://other.dev").build().unwrap();
    assert_eq!(reason(&named, foreign.token()).await, "ok");
}

#[tokio::test]
async fn rule_7_a_new_key_is_in_use_after_one_fetch_whether_its_kid_is_new_or_not() {
    for rotation in [
        KeyRotation::NewKid { keep_old: false },
        KeyRotation::SameKid,
    ] {
        let world = World::new().await;
        let auth = world.builder().build().unwrap();
        let old = world.jwt(&world.caller);
        assert_eq!(reason(&auth, &old).await, "ok");
        world
            .clerk
            .clock()
            .advance(std::time::Duration::from_secs(30));
        world.clerk.rotate_keys(rotation);
        assert_eq!(reason(&auth, &old).await, "ok", "nobody knows yet");
        assert_eq!(reason(&auth, &world.jwt(&world.caller)).await, "ok");
        assert_ne!(
            reason(&auth, &old).await,
            "ok",
            "its verdict died with its key"
        );
        assert_eq!(world.calls(Endpoint::GetJwks), 2);
    }
}

#[tokio::test]
async fn rule_7_without_keys_the_answer_is_unavailable_and_mends_itself() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    world
        .clerk
        .fault(Endpoint::GetJwks, Fault::status(500))
        .always();
    let token = world.jwt(&world.caller);
    let error = auth.verify(&token).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (AuthErrorKind::Unavailable, "no_keys")
    );
    assert!(auth.warm_up().await.is_err() && !auth.health().keys_ready);
    world.clerk.clear_faults();
    world
        .clerk
        .clock()
        .advance(std::time::Duration::from_secs(2));
    assert!(auth.warm_up().await.is_ok() && auth.health().keys_ready);
    assert_eq!(reason(&auth, &token).await, "ok");
}
