//! Rule 10: what this process has revoked is refused, in whatever order it was entered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clerk_machine_auth::{Clock as _, Revocation, RevocationError};

use crate::authenticator::world::{World, reason};

#[tokio::test]
async fn rule_10_a_weaker_revocation_never_replaces_a_stronger_one() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let (jwt, caller) = (world.jwt(&world.caller), world.caller.id());
    let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
    let soon = SystemTime::now() + Duration::from_secs(5);
    let list = auth.revocations();
    list.refuse_issued_before(caller, soon).unwrap();
    list.refuse_issued_before(caller, hour_ago).unwrap();
    assert_eq!(reason(&auth, &jwt).await, "revoked", "the later time");
    list.remove(caller);
    assert_eq!(reason(&auth, &jwt).await, "ok");
    list.refuse_subject(caller).unwrap();
    list.refuse_issued_before(caller, hour_ago).unwrap();
    assert_eq!(reason(&auth, &jwt).await, "revoked", "every token");
}

#[tokio::test]
async fn rule_10_an_id_that_a_token_lacks_cannot_be_revoked() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let nameless = world.clerk.m2m_jwt(&world.caller).without_claim("jti");
    let nameless = nameless.create();
    let id = auth.verify(nameless.token()).await.unwrap().id().to_owned();
    for id in [id.as_str(), " \n"] {
        let refused = auth.revocations().refuse_token(id);
        assert_eq!(refused, Err(RevocationError::EmptyId), "{id:?}");
    }
    assert_eq!(reason(&auth, nameless.token()).await, "ok");
    assert!(auth.revocations().is_empty());
}

#[tokio::test]
async fn rule_10_revoking_an_organization_refuses_all_that_acts_for_it() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let org = "org_2aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let user = world.clerk.new_user_id();
    let oauth = world.clerk.oauth_jwt(&user).org_id(org).create();
    let other = world.clerk.oauth_jwt(&user).create();
    let key = world.clerk.api_key(org).create();
    for token in [&oauth, &other, &key] {
        assert_eq!(reason(&auth, token.token()).await, "ok");
    }
    auth.revocations().refuse_subject(org).unwrap();
    assert_eq!(reason(&auth, oauth.token()).await, "revoked");
    assert_eq!(reason(&auth, key.token()).await, "revoked");
    assert_eq!(reason(&auth, other.token()).await, "ok");
}

#[tokio::test]
async fn rule_10_a_revocation_ends_when_it_says_so() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let key = world.clerk.api_key(world.clerk.new_user_id()).create();
    let jwt = world.clerk.m2m_jwt(&world.caller).create();
    let expiry = auth.verify(jwt.token()).await.unwrap().expires_at();
    let now = UNIX_EPOCH + world.clerk.clock().unix_time();
    let list = auth.revocations();
    list.extend([
        Revocation::token(key.id()).until(now + Duration::from_secs(100)),
        Revocation::token(jwt.id()).until(expiry.unwrap()),
    ])
    .unwrap();
    assert_eq!(reason(&auth, key.token()).await, "revoked");
    world.clerk.clock().advance(Duration::from_secs(161));
    assert_eq!(reason(&auth, key.token()).await, "ok");
    assert_eq!(list.len(), 1);
    // Within the clock skew beyond its expiry a JWT is still accepted, and so still refused.
    let left =
        expiry.unwrap().duration_since(UNIX_EPOCH).unwrap() - world.clerk.clock().unix_time();
    world.clerk.clock().advance(left + Duration::from_secs(2));
    assert_eq!(reason(&auth, jwt.token()).await, "revoked");
}

#[tokio::test]
async fn rule_10_the_list_of_revocations_takes_a_hundred_thousand_one_by_one() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();

    for n in 0..100_000 {
        auth.revocations().refuse_token(&format!("mt_{n}")).unwrap();
    }

    assert_eq!(auth.revocations().len(), 100_000);
}
