//! OAuth tokens are accepted of the listed applications only, where a service lists them.

use clerk_machine_auth::testing::{Endpoint, Fault};
use serde_json::json;

use crate::authenticator::world::{World, reason};

#[tokio::test]
async fn rule_6_oauth_tokens_of_other_clients_are_bad_tokens_in_both_formats() {
    let world = World::new().await;
    let allowed = ["client_a", "client_b"];
    let clerk = world.builder().allow_clients(allowed).build().unwrap();
    let user = world.clerk.new_user_id();
    for (client, expected) in [
        ("client_a", "ok"),
        ("client_b", "ok"),
        ("client_c", "wrong_client"),
        ("client_", "wrong_client"),
        ("client_A", "wrong_client"),
        ("", "wrong_client"),
    ] {
        let jwt = world.clerk.oauth_jwt(&user).client_id(client).create();
        let opaque = world.clerk.oauth_token(&user).client_id(client).create();
        for token in [jwt.token(), opaque.token()] {
            // Verified, and remembered.
            for _ in 0..2 {
                assert_eq!(reason(&clerk, token).await, expected, "{client:?}");
            }
        }
    }
    assert_eq!(world.calls(Endpoint::VerifyOAuthToken), 6);
}

#[tokio::test]
async fn rule_6_a_token_without_a_client_is_of_none_of_the_listed_ones() {
    let world = World::new().await;
    let clerk = world.builder().allow_clients(["client_a"]).build().unwrap();
    let open = world.builder().build().unwrap();
    let user = world.clerk.new_user_id();
    let jwt = world.clerk.oauth_jwt(&user).without_claim("client_id");
    let jwt = jwt.create();
    assert_eq!(reason(&clerk, jwt.token()).await, "wrong_client");
    assert_eq!(reason(&open, jwt.token()).await, "ok");
    let answer = json!({
        "object": "clerk_idp_oauth_access_token", "id": "oat_1", "subject": user, "scopes": [],
        "revoked": false, "expired": false, "expiration": null,
    });
    let fault = Fault::status(200).body(answer.to_string());
    world
        .clerk
        .fault(Endpoint::VerifyOAuthToken, fault)
        .always();
    let opaque = world.clerk.oauth_token(&user).create();
    assert_eq!(reason(&clerk, opaque.token()).await, "wrong_client");
    assert_eq!(reason(&open, opaque.token()).await, "ok");
}

#[tokio::test]
async fn rule_6_a_list_of_clients_says_nothing_of_other_types() {
    let world = World::new().await;
    let clerk = world.builder().allow_clients(["client_a"]).build().unwrap();
    let key = world.clerk.api_key(world.clerk.new_user_id()).create();
    let own = world
        .clerk
        .m2m_jwt(&world.caller)
        .claim("client_id", "client_c");
    for token in [
        key.token(),
        own.create().token(),
        &world.opaque(&world.caller),
    ] {
        assert_eq!(reason(&clerk, token).await, "ok");
    }
}
