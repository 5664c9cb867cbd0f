//! Rules 1, 2, 4, 15 and 17: what the layer can be told.

use clerk_machine_auth::TokenType;
use clerk_machine_auth::testing::Endpoint;
use http::{HeaderName, Method};

use crate::layer::world::{World, bearer, call, request, status, text};

#[tokio::test]
async fn rule_15_the_token_is_taken_off_unless_it_is_to_be_forwarded() {
    let world = World::new().await;
    let token = world.jwt();
    let fields = |forward| {
        let app = world.app(world.layer().forward_token(forward));
        let authorization = format!("Bearer {token}");
        let request = request(&[("authorization", &authorization), ("x-other", "1")]);
        async move { text(call(&app, request).await).await }
    };
    assert_eq!(
        fields(false).await,
        format!("{} x-other", world.caller.id())
    );
    assert_eq!(
        fields(true).await,
        format!("{} authorization,x-other", world.caller.id())
    );
}

#[tokio::test]
async fn rule_15_an_identity_from_outside_is_removed() {
    let world = World::new().await;
    let forged = world.auth.verify(&world.jwt()).await.unwrap();
    let app = world.app(world.layer().optional());
    let mut anonymous = request(&[]);
    anonymous.extensions_mut().insert(forged.clone());
    assert_eq!(text(call(&app, anonymous).await).await, "nobody ");
    let key = world.api_key(&[]);
    let mut other = bearer(&key);
    other.extensions_mut().insert(forged);
    assert!(text(call(&app, other).await).await.starts_with("user_"));
}

#[tokio::test]
async fn rule_2_optional_lets_in_who_has_no_token_and_nobody_with_a_bad_one() {
    let world = World::new().await;
    let app = world.app(world.layer().optional());
    for (fields, expected) in [
        (vec![], 200),
        (vec![("authorization", "")], 200),
        (vec![("authorization", "Basic dTpw")], 200),
        (vec![("authorization", "Bearer mt_made_up")], 401),
        (vec![("authorization", "Bearer ")], 400),
        (vec![("authorization", "Bearer a, Bearer b")], 400),
        (
            vec![
                ("cookie", "token=x"),
                ("proxy-authorization", "Bearer mt_a"),
            ],
            200,
        ),
    ] {
        let entered = usize::from(expected == 200);
        assert_eq!(status(&app, request(&fields)).await, expected, "{fields:?}");
        assert_eq!(world.entries(), entered, "{fields:?}");
    }
}

#[tokio::test]
async fn rule_1_an_api_key_header_is_a_second_source_and_not_a_third() {
    let world = World::new().await;
    let name = HeaderName::from_static("x-api-key");
    let app = world.app(world.layer().api_key_header(name));
    let (key, jwt) = (world.api_key(&[]), world.jwt());
    let authorization = format!("Bearer {jwt}");
    let only_key = call(&app, request(&[("x-api-key", &key)])).await;
    assert!(
        text(only_key).await.starts_with("user_"),
        "and it is taken off"
    );
    assert_eq!(
        status(&app, request(&[("authorization", &authorization)])).await,
        200
    );
    let both = request(&[("authorization", &authorization), ("x-api-key", &key)]);
    assert_eq!(status(&app, both).await, 400);
    assert_eq!(
        status(&app, request(&[("x-api-key", &key), ("x-api-key", &key)])).await,
        400
    );
    assert_eq!(
        status(&app, request(&[("x-api-key", &format!("Bearer {key}"))])).await,
        400
    );
    // Without the setting the field means nothing.
    let plain = world.app(world.layer());
    assert_eq!(status(&plain, request(&[("x-api-key", &key)])).await, 401);
}

#[tokio::test]
async fn rule_4_a_route_that_accepts_less_asks_nobody_about_the_rest() {
    let world = World::new().await;
    let app = world.app(world.layer().accept([TokenType::OAuth]));
    for token in [world.jwt(), world.opaque(), world.api_key(&[])] {
        assert_eq!(status(&app, bearer(&token)).await, 401);
    }
    assert_eq!((world.clerk.calls(Endpoint::Any), world.entries()), (0, 0));
}

#[tokio::test]
async fn rule_4_what_another_route_remembers_is_held_against_the_types_of_this_one() {
    let world = World::new().await;
    let every = world.app(world.layer());
    let tokens = [world.jwt(), world.opaque(), world.api_key(&[])];
    for token in &tokens {
        assert_eq!(status(&every, bearer(token)).await, 200);
    }
    let before = (world.clerk.calls(Endpoint::Any), world.entries());
    let app = world.app(world.layer().accept([TokenType::OAuth]));
    for token in &tokens {
        assert_eq!(status(&app, bearer(token)).await, 401);
    }
    assert_eq!(
        (world.clerk.calls(Endpoint::Any), world.entries()),
        (before.0, 0)
    );
}

#[tokio::test]
async fn rule_17_options_is_protected_unless_it_is_a_preflight_that_was_allowed() {
    let world = World::new().await;
    let preflight = [
        ("origin", "https://a"),
        ("access-control-request-method", "GET"),
    ];
    let options = |fields: &[(&str, &str)]| {
        let mut request = request(fields);
        *request.method_mut() = Method::OPTIONS;
        request
    };
    let strict = world.app(world.layer());
    assert_eq!(status(&strict, options(&preflight)).await, 401);
    let app = world.app(world.layer().allow_cors_preflight(true));
    assert_eq!(status(&app, options(&preflight)).await, 200);
    assert_eq!(status(&app, options(&preflight[..1])).await, 401);
    assert_eq!(status(&app, options(&preflight[1..])).await, 401);
    assert_eq!(
        status(&app, request(&preflight)).await,
        401,
        "another method"
    );
}
