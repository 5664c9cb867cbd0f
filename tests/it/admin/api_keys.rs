//! `api_keys()`, `oauth_access_tokens()`, `jwks()`.

use std::time::{Duration, SystemTime};

use clerk_machine_auth::ApiKeyId;
use clerk_machine_auth::admin::OAuthVerification;
use clerk_machine_auth::testing::Endpoint;
use serde_json::json;

use crate::admin::world::{World, refusal, unknown_key};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_key_is_created_read_changed_revoked_and_deleted() {
    let world = World::new().await;
    let (user, keys) = (world.clerk.new_user_id(), world.admin.api_keys());
    let created = keys
        .create("nightly export", &user)
        .description("exports orders")
        .scopes(["reports:read"])
        .claims(json!({"tenant": 7}))
        .created_by(&user)
        .expires_in(DAY)
        .send()
        .await
        .unwrap();
    let (info, id) = (&created.info, &created.info.id);
    assert_eq!(
        (info.subject.as_str(), info.key_type.as_str()),
        (&*user, "api_key")
    );
    assert_eq!(info.created_by.as_ref(), Some(&user));
    assert_eq!(info.description.as_deref(), Some("exports orders"));
    assert!(info.expiration.is_some() && info.is_active());

    let read = keys.get(id).await.unwrap();
    assert_eq!((&read.claims, &read.scopes), (&info.claims, &info.scopes));
    let secret = keys.get_secret(id).await.unwrap();
    assert_eq!(secret.expose_secret(), created.secret.expose_secret());
    let verified = keys.verify(secret.expose_secret()).await.unwrap();
    assert_eq!(&verified.id, id);

    let changed = keys.update(id).scopes(["reports:write"]).claims(());
    let changed = changed
        .description(None)
        .without_expiry()
        .send()
        .await
        .unwrap();
    assert_eq!(changed.scopes, ["reports:write"]);
    assert_eq!(
        (changed.claims, changed.description, changed.expiration),
        (None, None, None)
    );
    let org = world.clerk.new_org_id();
    let moved = keys
        .update(id)
        .subject(&org)
        .expires_in(DAY)
        .send()
        .await
        .unwrap();
    assert_eq!(moved.subject, org);
    assert!(moved.expiration > Some(SystemTime::now()));

    let revoked = keys.revoke(id).reason("leaked").send().await.unwrap();
    assert_eq!(revoked.revocation_reason.as_deref(), Some("leaked"));
    assert!(refusal(keys.verify(secret.expose_secret()).await).is_not_found());
    keys.delete(id).await.unwrap();
    assert!(keys.get(id).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_name_is_taken_until_its_key_is_deleted() {
    let world = World::new().await;
    let (user, keys) = (world.clerk.new_user_id(), world.admin.api_keys());
    let create = || keys.create("nightly", &user).send();
    let id = create().await.unwrap().info.id;
    assert!(create().await.unwrap_err().is_name_conflict());
    keys.revoke(&id).send().await.unwrap();
    assert!(create().await.unwrap_err().is_name_conflict());
    keys.delete(&id).await.unwrap();
    create().await.unwrap();
}

#[tokio::test]
async fn lists_hold_what_was_asked_for() {
    let world = World::new().await;
    let (user, keys) = (world.clerk.new_user_id(), world.admin.api_keys());
    for name in ["alpha", "beta", "gamma"] {
        world.clerk.api_key(&user).name(name).create();
    }
    world
        .clerk
        .api_key(&user)
        .name("other kind")
        .key_type("custom")
        .create();
    let names = |page: clerk_machine_auth::admin::Page<clerk_machine_auth::admin::ApiKeyInfo>| {
        let mut names: Vec<_> = page.data.into_iter().map(|key| key.name).collect();
        names.sort();
        names
    };
    let all = keys.list(&user).page().await.unwrap();
    let alpha = all
        .data
        .iter()
        .find(|key| key.name == "alpha")
        .unwrap()
        .id
        .clone();
    assert_eq!(names(all), ["alpha", "beta", "gamma"]);
    keys.revoke(&alpha).send().await.unwrap();
    assert_eq!(
        names(keys.list(&user).page().await.unwrap()),
        ["beta", "gamma"]
    );
    let invalid = keys
        .list(&user)
        .include_invalid(true)
        .query("alp")
        .page()
        .await;
    assert_eq!(names(invalid.unwrap()), ["alpha"]);
    let custom = keys.list(&user).key_type("custom").page().await.unwrap();
    assert_eq!(names(custom), ["other kind"]);
    let one = keys.list(&user).limit(1).offset(1).page().await.unwrap();
    assert_eq!((one.data.len(), one.total_count), (1, Some(2)));
}

#[tokio::test]
async fn both_success_statuses_of_a_creation_are_taken() {
    let world = World::new().await;
    for status in [200, 201] {
        world.clerk.configure(|o| o.create_api_key_status = status);
        let name = format!("key {status}");
        let create = world
            .admin
            .api_keys()
            .create(name, world.clerk.new_user_id());
        create.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_feature_that_is_off_is_said_so() {
    let world = World::new().await;
    world.clerk.configure(|o| o.api_keys_enabled = false);
    let refused = refusal(world.admin.api_keys().get(&unknown_key()).await);
    assert!(refused.is_invalid_input() && refused.has_code("api_keys_not_enabled"));
}

#[tokio::test]
async fn former_identifiers_are_sent_as_they_are() {
    let world = World::new().await;
    let id = ApiKeyId::new(format!("api_key_{}", "0".repeat(32))).unwrap();
    assert!(refusal(world.admin.api_keys().get(&id).await).is_not_found());
    assert!(world.clerk.requests()[0].path.ends_with(id.as_str()));
}

#[tokio::test]
async fn oauth_tokens_come_with_times_in_either_unit_or_as_inactive() {
    let world = World::new().await;
    let (user, tokens) = (world.clerk.new_user_id(), world.admin.oauth_access_tokens());
    let token = world.clerk.oauth_token(&user).scopes(["email"]).create();
    for seconds in [true, false] {
        world
            .clerk
            .configure(|o| o.oauth_times_in_seconds = seconds);
        let answer = tokens.verify(token.token()).await.unwrap();
        let info = answer.token().unwrap();
        assert_eq!(
            (&info.subject, info.scopes.as_slice()),
            (&user, &["email".to_owned()][..])
        );
        let age = SystemTime::now()
            .duration_since(info.created_at.unwrap())
            .unwrap();
        assert!(
            age < Duration::from_secs(60),
            "{age:?} with seconds = {seconds}"
        );
    }
    let jwt = world.clerk.oauth_jwt(&user).expired_for(DAY).create();
    let answer = tokens.verify(jwt.token()).await.unwrap();
    assert_eq!(answer, OAuthVerification::Inactive { active: false });
    assert!(refusal(tokens.verify("oat_unknown").await).is_not_found());
}

#[tokio::test]
async fn the_key_set_holds_public_members_only() {
    let world = World::new().await;
    let keys = world.admin.jwks().get().await.unwrap().keys;
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (keys[0].kid.as_str(), keys[0].kty.as_str()),
        (world.clerk.instance_id(), "RSA")
    );
    assert!(keys[0].n.is_some() && keys[0].e.is_some());
    assert_eq!(world.clerk.calls(Endpoint::GetJwks), 1);
}
