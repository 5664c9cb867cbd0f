//! Rule 15: what handlers can ask for.

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::{ApiKey, ClerkMachineAuth, M2mToken, MachineAuth, OAuthToken};

use crate::layer::world::{World, bearer, request, status};

fn routes() -> Router {
    Router::new()
        .route("/any", get(|_: MachineAuth| async {}))
        .route("/m2m", get(|_: M2mToken| async {}))
        .route("/key", get(|_: ApiKey| async {}))
        .route("/oauth", get(|_: OAuthToken| async {}))
        .route(
            "/maybe",
            get(|auth: Option<MachineAuth>| async move {
                assert!(auth.is_none());
            }),
        )
        .route("/maybe_m2m", get(|_: Option<M2mToken>| async {}))
}

async fn statuses(app: &Router, token: Option<&str>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in ["/any", "/m2m", "/key", "/oauth", "/maybe_m2m"] {
        let mut request = token.map_or_else(|| request(&[]), bearer);
        *request.uri_mut() = path.parse().unwrap();
        statuses.push(status(app, request).await);
    }
    statuses
}

#[tokio::test]
async fn rule_15_each_struct_is_extracted_from_its_own_type_of_token_only() {
    let world = World::new().await;
    let app = routes().layer(ClerkMachineAuth::new(world.auth.clone()));
    let oauth = world.clerk.oauth_jwt(world.clerk.new_user_id()).create();
    assert_eq!(
        statuses(&app, Some(&world.jwt())).await,
        [200, 200, 401, 401, 200]
    );
    assert_eq!(
        statuses(&app, Some(&world.api_key(&[]))).await,
        [200, 401, 200, 401, 401]
    );
    assert_eq!(
        statuses(&app, Some(oauth.token())).await,
        [200, 401, 401, 200, 401]
    );
}

#[tokio::test]
async fn rule_15_an_option_is_none_only_where_no_token_was_sent() {
    let world = World::new().await;
    let app = routes().layer(ClerkMachineAuth::new(world.auth.clone()).optional());
    assert_eq!(statuses(&app, None).await, [401, 401, 401, 401, 200]);
    let mut anonymous = request(&[]);
    *anonymous.uri_mut() = "/maybe".parse().unwrap();
    assert_eq!(status(&app, anonymous).await, 200);
}

#[tokio::test]
async fn rule_15_without_a_layer_every_extractor_fails_closed() {
    assert_eq!(statuses(&routes(), None).await, [500; 5]);
    let mut anonymous = request(&[("authorization", "Bearer mt_a")]);
    *anonymous.uri_mut() = "/maybe".parse().unwrap();
    assert_eq!(status(&routes(), anonymous).await, 500);
}
