//! P3, P4 and P8: whom a resource lets in, and what becomes of the token.

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint};
use clerk_machine_auth::{
    AuthError, Authenticator, AuthenticatorBuilder, ProtectedResource, TokenType,
};

use crate::layer::world::text;
use crate::resource::world::{URL, World, call, get, status};

#[tokio::test]
async fn p3_a_resource_takes_tokens_that_were_issued_for_it_and_no_others() {
    let world = World::new().await;
    let app = world.app(world.layer());
    for token in world.tokens(URL, &[]) {
        assert_eq!(status(&app, &token).await, 200);
    }
    for token in world.tokens("https://mcp.example.com/other", &[]) {
        assert_eq!(status(&app, &token).await, 401);
    }
    let user = world.clerk.new_user_id();
    let unnamed = [
        world.clerk.oauth_jwt(&user).create(),
        world.clerk.oauth_token(&user).create(),
    ];
    for token in unnamed {
        let response = call(&app, get("/mcp", Some(token.token()))).await;
        assert_eq!(response.status(), 401);
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.reason(), "no_audience");
    }
}

#[tokio::test]
async fn p3_what_another_layer_has_verified_is_held_against_the_audience_of_this_one() {
    let world = World::new().await;
    let plain = world.app(clerk_machine_auth::ClerkMachineAuth::new(
        world.auth.clone(),
    ));
    let other = ProtectedResource::new("https://mcp.example.com/other").unwrap();
    let app = world.app(world.layer());
    for token in world.tokens(other.url(), &[]) {
        assert_eq!(status(&plain, &token).await, 200, "and is cached");
        assert_eq!(status(&app, &token).await, 401);
        assert_eq!(
            status(&world.app(other.layer(world.auth.clone())), &token).await,
            200
        );
        let nested = world.app(world.layer()).layer(plain_layer(&world));
        assert_eq!(status(&nested, &token).await, 401, "inside another layer");
    }
}

fn plain_layer(world: &World) -> clerk_machine_auth::ClerkMachineAuth {
    clerk_machine_auth::ClerkMachineAuth::new(world.auth.clone())
}

#[tokio::test]
async fn p3_other_types_of_token_come_in_only_where_they_are_asked_for() {
    let world = World::new().await;
    let caller = world.clerk.machine("caller").create();
    let user = world.clerk.new_user_id();
    let key = world.clerk.api_key(&user).create();
    let machine = world.clerk.m2m_jwt(&caller).create();
    let app = world.app(world.layer());
    for token in [&key, &machine] {
        assert_eq!(status(&app, token.token()).await, 401);
    }
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
    let app = world.app(world.layer().accept([TokenType::OAuth, TokenType::ApiKey]));
    assert_eq!(status(&app, key.token()).await, 200);
    assert_eq!(status(&app, machine.token()).await, 401);
    let [jwt, _] = world.tokens("https://elsewhere.example", &[]);
    assert_eq!(
        status(&app, &jwt).await,
        401,
        "the audience counts all the same"
    );
}

#[tokio::test]
async fn p4_case_port_and_one_slash_of_an_audience_do_not_matter_and_all_else_does() {
    let world = World::new().await;
    let app = world.app(world.layer());
    for (audience, expected) in [
        ("https://mcp.example.com/mcp/", 200),
        ("HTTPS://MCP.example.com:443/mcp", 200),
        ("https://mcp.example.com/mcp//", 401),
        ("https://mcp.example.com/MCP", 401),
        ("https://mcp.example.com", 401),
        ("https://mcp.example.com/mcp/tools", 401),
        ("https://mcp.example.com.evil.example/mcp", 401),
        ("http://mcp.example.com/mcp", 401),
    ] {
        for token in world.tokens(audience, &[]) {
            assert_eq!(status(&app, &token).await, expected, "{audience}");
        }
    }
}

#[tokio::test]
async fn p4_an_authenticator_can_be_told_its_resources() {
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let resource = ProtectedResource::new(URL).unwrap();
    let auth = clerk
        .authenticator_builder(&me)
        .resource(&resource)
        .build()
        .unwrap();
    let user = clerk.new_user_id();
    let verify = |audience: Option<&str>| {
        let token = clerk.oauth_jwt(&user);
        let token = audience.map_or_else(|| clerk.oauth_jwt(&user), |name| token.audience(name));
        let token = token.create().token().to_owned();
        let auth = auth.clone();
        async move { auth.verify(&token).await.map_err(|error| error.reason()) }
    };
    assert!(verify(Some("https://MCP.example.com/mcp/")).await.is_ok());
    assert_eq!(
        verify(Some("https://mcp.example.com")).await,
        Err("wrong_audience")
    );
    assert_eq!(verify(None).await, Err("no_audience"));
}

#[test]
fn p4_a_resource_that_nobody_issues_tokens_for_is_a_mistake_of_the_builder() {
    let builder = || -> AuthenticatorBuilder {
        Authenticator::builder()
            .secret_key("sk_test_a")
            .accept([TokenType::OAuth])
    };
    let resource = ProtectedResource::new(URL).unwrap();
    let error = builder().resource(&resource).build().unwrap_err();
    assert!(
        error.to_string().contains("CLERK_PUBLISHABLE_KEY"),
        "{error}"
    );
    let named = resource
        .authorization_server("https://clerk.example.com")
        .unwrap();
    assert!(builder().resource(&named).build().is_ok());
}

#[tokio::test]
async fn p8_a_token_is_not_passed_on_to_the_server() {
    let world = World::new().await;
    let app = world.app(world.layer());
    for token in world.tokens(URL, &[]) {
        let seen = text(call(&app, get("/mcp", Some(&token))).await).await;
        assert!(seen.starts_with("user_") && seen.ends_with(' '), "{seen}");
    }
}
