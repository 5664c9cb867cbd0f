//! `m2m_tokens()`.

use std::time::{Duration, SystemTime};

use clerk_machine_auth::TokenFormat;
use clerk_machine_auth::testing::{Credential, Endpoint, InactiveToken, NullExpiry};
use clerk_machine_auth::{AdminClient, AdminErrorKind, SecretKey};
use serde_json::json;

use crate::admin::world::{World, machine_id, refusal, secret, unknown_machine, unknown_token};

const TEN_MINUTES: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_token_is_created_verified_listed_and_revoked() {
    let world = World::new().await;
    let orders = world.clerk.machine("orders").create();
    let billing = world.clerk.machine("billing").scoped_to(&orders).create();
    let (caller, receiver) = (world.of_machine(&billing), world.of_machine(&orders));
    let created = caller
        .m2m_tokens()
        .create()
        .expires_in(TEN_MINUTES)
        .claims(json!({"tenant": 7}))
        .send()
        .await
        .unwrap();
    assert_eq!(created.info.subject, machine_id(&billing));
    assert!(created.info.can_reach(&machine_id(&orders)));
    assert!(created.token.expose_secret().starts_with("mt_"));
    let left = created
        .info
        .expiration
        .unwrap()
        .duration_since(SystemTime::now());
    assert!((590..=600).contains(&left.unwrap().as_secs()));

    let verify = || receiver.m2m_tokens().verify(created.token.expose_secret());
    let verified = verify().send().await.unwrap();
    assert_eq!(verified.id, created.info.id);
    assert_eq!(verified.claims, Some(json!({"tenant": 7})));
    assert!(verified.is_active());

    let tokens = world.admin.m2m_tokens();
    let page = tokens.list(&machine_id(&billing)).page().await.unwrap();
    assert_eq!((page.data.len(), page.total_count), (1, Some(1)));
    let revoked = tokens.revoke(&verified.id).reason("leaked").send().await;
    let revoked = revoked.unwrap();
    assert!(revoked.revoked && !revoked.is_active());
    assert_eq!(revoked.revocation_reason.as_deref(), Some("leaked"));
    assert!(refusal(verify().send().await).is_not_found());

    let live = tokens.list(&machine_id(&billing)).page().await.unwrap();
    assert!(live.data.is_empty());
    let all = tokens
        .list(&machine_id(&billing))
        .revoked(true)
        .expired(true);
    assert_eq!(all.page().await.unwrap().data.len(), 1);
}

#[tokio::test]
async fn a_jwt_is_created_and_carries_its_claims() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let created = world
        .of_machine(&machine)
        .m2m_tokens()
        .create()
        .format(TokenFormat::Jwt)
        .claims(json!({"tenant": 7}))
        .send()
        .await
        .unwrap();
    assert_eq!(created.token.expose_secret().split('.').count(), 3);
    // Clerk does not store it, so it cannot be found to be revoked.
    let revoked = world
        .admin
        .m2m_tokens()
        .revoke(&created.info.id)
        .send()
        .await;
    assert!(refusal(revoked).is_not_found());
}

#[tokio::test]
async fn an_existing_token_is_used_again_where_it_lives_long_enough() {
    let world = World::new().await;
    let machine = world.of_machine(&world.clerk.machine("orders").create());
    let create = || {
        let request = machine.m2m_tokens().create().expires_in(TEN_MINUTES);
        request.min_remaining_ttl(Duration::from_secs(240)).send()
    };
    let (first, second) = (create().await.unwrap(), create().await.unwrap());
    assert_eq!(first.info.id, second.info.id);
}

#[tokio::test]
async fn no_expiry_is_null_on_the_wire_whatever_clerk_makes_of_it() {
    let world = World::new().await;
    let machine = world.of_machine(&world.clerk.machine("orders").create());
    let create = || machine.m2m_tokens().create().without_expiry().send();
    assert_eq!(create().await.unwrap().info.expiration, None);
    world
        .clerk
        .configure(|o| o.null_expiry = NullExpiry::MachineDefault);
    assert!(create().await.unwrap().info.expiration.is_some());
    let sent = &world.clerk.requests()[0];
    assert!(sent.json()["seconds_until_expiration"].is_null());
    assert!(
        sent.json()
            .as_object()
            .unwrap()
            .contains_key("seconds_until_expiration")
    );
}

#[tokio::test]
async fn each_call_uses_the_secret_that_serves_it_best_and_can_be_told_otherwise() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let token = world.clerk.m2m_token(&machine).create();
    let both = AdminClient::builder()
        .api_url(world.clerk.api_url())
        .secret_key(SecretKey::new(world.clerk.secret_key()).unwrap())
        .machine_secret(secret(machine.secret_key()))
        .build()
        .unwrap();
    let (tokens, id) = (both.m2m_tokens(), machine_id(&machine));
    let own = || secret(machine.secret_key());
    tokens.create().send().await.unwrap();
    tokens.list(&id).page().await.unwrap();
    // The token may not reach its own machine, so only the instance secret verifies it.
    assert!(refusal(tokens.verify(token.token()).send().await).is_not_found());
    let verify = tokens.verify(token.token()).with_instance_secret();
    verify.send().await.unwrap();
    tokens
        .list(&id)
        .with_own_machine_secret()
        .page()
        .await
        .unwrap();
    let stranger = world.of_machine(&world.clerk.machine("other").create());
    let given = stranger.m2m_tokens().list(&id).with_machine_secret(own());
    given.page().await.unwrap();
    let id = clerk_machine_auth::M2mTokenId::new(token.id()).unwrap();
    tokens
        .revoke(&id)
        .with_machine_secret(own())
        .send()
        .await
        .unwrap();

    let with_machine: Vec<bool> = world
        .clerk
        .requests()
        .iter()
        .map(|r| matches!(r.credential, Credential::MachineSecret { .. }))
        .collect();
    assert_eq!(with_machine, [true, false, true, false, true, true, true]);
}

#[tokio::test]
async fn without_a_fitting_secret_nothing_is_called() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let create = world.admin.m2m_tokens().create().send().await;
    assert_eq!(create.unwrap_err().kind(), AdminErrorKind::MissingSecret);
    let of_machine = world.of_machine(&machine);
    let listed = of_machine.machines().list().page().await;
    assert_eq!(listed.unwrap_err().kind(), AdminErrorKind::MissingSecret);
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn a_machine_sees_its_own_tokens_only() {
    let world = World::new().await;
    let (orders, billing) = (
        world.clerk.machine("orders").create(),
        world.clerk.machine("billing").create(),
    );
    let token = world.clerk.m2m_token(&billing).create();
    let of_orders = world.of_machine(&orders);
    let tokens = of_orders.m2m_tokens();
    let listed = tokens.list(&machine_id(&billing)).page().await;
    assert!(refusal(listed).is_forbidden());
    assert!(refusal(tokens.verify(token.token()).send().await).is_not_found());
    assert!(refusal(tokens.revoke(&unknown_token()).send().await).is_not_found());
    let unknown = world
        .admin
        .m2m_tokens()
        .list(&unknown_machine())
        .page()
        .await;
    assert!(refusal(unknown).is_not_found());
}

#[tokio::test]
async fn a_flagged_token_is_answered_but_not_active() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let token = world
        .clerk
        .m2m_token(&machine)
        .lifetime(TEN_MINUTES)
        .create();
    world
        .clerk
        .configure(|o| o.expired = InactiveToken::Flagged);
    world.clerk.clock().advance(TEN_MINUTES * 2);
    let verify = world.admin.m2m_tokens().verify(token.token()).send();
    let verified = verify.await.unwrap();
    assert!(verified.expired && !verified.is_active());
}

#[tokio::test]
async fn a_reserved_claim_is_refused_by_clerk() {
    let world = World::new().await;
    let machine = world.of_machine(&world.clerk.machine("orders").create());
    let create = machine.m2m_tokens().create().claims(json!({"sub": "me"}));
    let refused = refusal(create.format(TokenFormat::Jwt).send().await);
    assert!(refused.is_invalid_input() && refused.has_code("machine_token_reserved_claim"));
}
