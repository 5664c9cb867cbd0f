//! The authorization server: what clients find, ask for, and get.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint};
use clerk_machine_auth::{MachineAuth, TokenFormat};
use serde_json::json;

use crate::emulator::oauth_client::{CALLBACK, OAuth, RESOURCE, answer, refused, text};

#[tokio::test]
async fn the_metadata_names_every_endpoint() {
    let oauth = OAuth::start().await;
    let issuer = oauth.h.clerk.issuer();
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let found = oauth.h.get(path).await;
        assert_eq!(found.headers["access-control-allow-origin"], "*");
        let body = found.ok();
        assert_eq!(body["issuer"], issuer, "byte for byte");
        for (name, path) in [
            ("authorization_endpoint", "/oauth/authorize"),
            ("token_endpoint", "/oauth/token"),
            ("registration_endpoint", "/oauth/register"),
            ("introspection_endpoint", "/oauth/token_info"),
            ("revocation_endpoint", "/oauth/token/revoke"),
            ("jwks_uri", "/.well-known/jwks.json"),
        ] {
            assert_eq!(body[name], format!("{issuer}{path}"));
        }
        assert_eq!(body["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(body["authorization_response_iss_parameter_supported"], true);
    }
    assert_eq!(oauth.h.clerk.calls(Endpoint::OAuthMetadata), 2);
}

#[tokio::test]
async fn a_client_signs_in_and_our_authenticator_verifies_its_jwt() {
    let oauth = OAuth::start().await;
    let clerk = &oauth.h.clerk;
    let user = clerk.new_user_id();
    clerk.sign_in_as(&user);
    let back = oauth.redirect(&[]).await;
    assert_eq!((back.to.as_str(), back.get("state")), (CALLBACK, "st&te"));
    assert_eq!(back.get("iss"), clerk.issuer());
    let tokens = oauth.exchange(back.get("code")).await;
    assert_eq!(tokens.headers["cache-control"], "no-store");
    let tokens = tokens.ok();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 86_400);
    assert_eq!(tokens["scope"], "profile reports:read");
    let token = text(&tokens, "access_token");
    let me = clerk.machine("me").create();
    let auth = clerk.authenticator_builder(&me).audience(RESOURCE);
    let verified = auth.build().unwrap().verify(token).await.unwrap();
    assert_eq!(verified.format(), TokenFormat::Jwt);
    let MachineAuth::OAuth(verified) = verified else {
        panic!("{verified:?}");
    };
    assert_eq!(verified.user_id(), user);
    assert_eq!(verified.client_id(), Some(&*oauth.client));
    assert!(verified.has_scope("reports:read"));
    assert_eq!(oauth.verify(token).await.ok()["aud"], RESOURCE);
}

#[tokio::test]
async fn opaque_tokens_are_a_switch_and_can_be_revoked() {
    let builder = ClerkEmulator::builder();
    let oauth = OAuth::of(builder.configure(|o| o.oauth_token_format = TokenFormat::Opaque)).await;
    let tokens = oauth.sign_in().await;
    let token = text(&tokens, "access_token");
    assert!(token.starts_with("oat_"));
    let seen = oauth.verify(token).await.ok();
    assert_eq!(
        (&seen["aud"], &seen["client_id"]),
        (&json!(RESOURCE), &json!(oauth.client))
    );
    let me = oauth.h.clerk.machine("me").create();
    let auth = oauth.h.clerk.authenticator_builder(&me).audience(RESOURCE);
    assert!(auth.build().unwrap().verify(token).await.is_ok());
    let form = [("client_id", &*oauth.client), ("token", token)];
    assert_eq!(oauth.post("/oauth/token/revoke", &form).await.status, 200);
    oauth.verify(token).await.refused(404, "resource_not_found");
    let again = oauth.post("/oauth/token/revoke", &form).await;
    assert_eq!(again.status, 200, "it is gone, as was asked");
    let refreshed = oauth.refresh(text(&tokens, "refresh_token"), &[]).await;
    assert_eq!(refreshed.status, 200, "only the access token was revoked");
}

#[tokio::test]
async fn a_jwt_cannot_be_revoked_but_its_session_can() {
    let oauth = OAuth::start().await;
    let tokens = oauth.sign_in().await;
    let revoke = async |token: &str| {
        let form = [("client_id", &*oauth.client), ("token", token)];
        oauth.post("/oauth/token/revoke", &form).await
    };
    let jwt = revoke(text(&tokens, "access_token")).await;
    refused(&jwt, 400, "unsupported_token_type");
    assert!(!oauth.h.clerk.oauth_sessions()[0].revoked);
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(revoke(refresh).await.status, 200);
    assert!(oauth.h.clerk.oauth_sessions()[0].revoked);
    refused(&oauth.refresh(refresh, &[]).await, 400, "invalid_grant");
    let gone = oauth.verify(text(&tokens, "access_token")).await;
    gone.refused(404, "resource_not_found");
}

#[tokio::test]
async fn a_client_registers_itself() {
    let oauth = OAuth::start().await;
    let metadata = json!({
        "redirect_uris": ["http://localhost:3000/callback", "cursor://app/cb"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_name": "An MCP client",
        "scope": "tools:execute",
        "software_id": "ignored",
    });
    let registered = oauth.h.post("/oauth/register", metadata).await;
    assert_eq!(registered.status, 201);
    let registered = registered.ok();
    assert_eq!(registered["client_name"], "An MCP client");
    assert_eq!(registered["scope"], "tools:execute");
    assert!(registered.get("client_secret").is_none(), "a public client");
    let id = text(&registered, "client_id");
    // The port of a loopback address is the client's own choice.
    let changes = [
        ("client_id", id),
        ("redirect_uri", "http://localhost:53211/callback"),
        ("scope", ""),
    ];
    let back = oauth.redirect(&changes).await;
    assert_eq!(back.to, "http://localhost:53211/callback");
    let changes = [
        ("client_id", id),
        ("redirect_uri", "http://localhost:53211/callback"),
    ];
    let tokens = oauth.exchange_with(back.get("code"), &changes).await.ok();
    assert_eq!(tokens["scope"], "tools:execute", "what it registered for");
}

#[tokio::test]
async fn a_registration_that_cannot_work_is_refused() {
    let oauth = OAuth::start().await;
    let uris = json!(["https://app.example/cb"]);
    for (metadata, error) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({ "redirect_uris": [] }), "invalid_redirect_uri"),
        (
            json!({ "redirect_uris": ["javascript:alert(1)"] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": ["http://app.example/cb"] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": ["https://app.example/cb", 1] }),
            "invalid_redirect_uri",
        ),
        (
            json!({ "redirect_uris": uris, "token_endpoint_auth_method": "private_key_jwt" }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": uris, "grant_types": ["client_credentials"] }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": uris, "response_types": ["token"] }),
            "invalid_client_metadata",
        ),
        (
            json!({ "redirect_uris": uris, "client_name": 1 }),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = oauth.h.post("/oauth/register", metadata.clone()).await;
        refused(&answer, 400, error);
    }
    oauth
        .h
        .clerk
        .configure(|options| options.oauth_registration = false);
    let off = oauth
        .h
        .post("/oauth/register", json!({ "redirect_uris": uris }))
        .await;
    assert_eq!(off.status, 422);
    let metadata = oauth.h.get("/.well-known/oauth-authorization-server").await;
    assert!(metadata.ok().get("registration_endpoint").is_none());
}

#[tokio::test]
async fn a_confidential_client_authenticates_either_way() {
    let oauth = OAuth::start().await;
    let client = oauth.h.clerk.oauth_client(CALLBACK).confidential().create();
    let (id, secret) = (client.client_id(), client.client_secret().unwrap());
    let code = async || {
        let back = oauth.redirect(&[("client_id", id)]).await;
        back.get("code").to_owned()
    };
    let posted = [("client_id", id), ("client_secret", secret)];
    let answer_ = oauth.exchange_with(&code().await, &posted).await;
    assert_eq!(answer_.status, 200);
    let basic = |code: String, secret: &str| {
        let body = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={}",
            crate::emulator::oauth_client::VERIFIER
        );
        let url = format!("{}/oauth/token", oauth.h.clerk.api_url());
        let request = oauth.http.post(url).basic_auth(id, Some(secret)).body(body);
        answer(request.header("content-type", "application/x-www-form-urlencoded"))
    };
    assert_eq!(basic(code().await, secret).await.status, 200);
    let wrong = basic(code().await, "wrong").await;
    refused(&wrong, 401, "invalid_client");
    assert!(
        wrong.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
    for changes in [
        vec![("client_id", id)],
        vec![("client_id", id), ("client_secret", "wrong")],
        vec![("client_id", "client_unknown")],
        vec![("client_id", "")],
    ] {
        let answer = oauth.exchange_with(&code().await, &changes).await;
        refused(&answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_refresh_token_rotates_and_never_widens() {
    let oauth = OAuth::start().await;
    let first = oauth.sign_in().await;
    let narrow = [("scope", "profile")];
    let second = oauth
        .refresh(text(&first, "refresh_token"), &narrow)
        .await
        .ok();
    assert_eq!(second["scope"], "profile");
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    for (more, error) in [
        (("scope", "profile admin"), "invalid_scope"),
        (("resource", "https://other.example"), "invalid_target"),
    ] {
        let answer = oauth.refresh(text(&second, "refresh_token"), &[more]).await;
        refused(&answer, 400, error);
    }
    let third = oauth
        .refresh(text(&second, "refresh_token"), &[])
        .await
        .ok();
    assert_eq!(
        third["scope"], "profile reports:read",
        "the grant is as wide as before"
    );
    let seen = oauth.verify(text(&third, "access_token")).await.ok();
    assert_eq!(seen["aud"], RESOURCE);
    assert_eq!(oauth.h.clerk.oauth_sessions()[0].token_ids.len(), 3);
}

#[tokio::test]
async fn introspection_shows_what_clerk_shows() {
    let oauth = OAuth::start().await;
    let tokens = oauth.sign_in().await;
    let user = oauth.h.clerk.signed_in_user();
    let ask = async |client: &[(&str, &str)], token: &str| {
        let mut form = client.to_vec();
        form.push(("token", token));
        oauth.post("/oauth/token_info", &form).await
    };
    let own = [("client_id", &*oauth.client)];
    for name in ["access_token", "refresh_token"] {
        let seen = ask(&own, text(&tokens, name)).await.ok();
        assert_eq!(
            (&seen["active"], &seen["sub"]),
            (&json!(true), &json!(user))
        );
        assert_eq!(seen["scope"], "profile reports:read");
        assert_eq!(seen["client_id"], oauth.client);
    }
    assert_eq!(
        ask(&own, "oat_unknown").await.ok(),
        json!({ "active": false })
    );
    let server = oauth.h.clerk.oauth_client(CALLBACK).confidential().create();
    let server = [
        ("client_id", server.client_id()),
        ("client_secret", server.client_secret().unwrap()),
    ];
    let token = text(&tokens, "access_token");
    assert_eq!(
        ask(&server, token).await.ok()["active"],
        true,
        "a resource server"
    );
    let stranger = oauth.h.clerk.oauth_client(CALLBACK).create();
    let stranger = [("client_id", stranger.client_id())];
    assert_eq!(ask(&stranger, token).await.ok(), json!({ "active": false }));
    refused(&ask(&[], token).await, 401, "invalid_client");
    oauth.h.clerk.clock().advance(Duration::from_secs(86_400));
    assert_eq!(ask(&own, token).await.ok(), json!({ "active": false }));
}

#[tokio::test]
async fn options_change_what_is_granted() {
    let oauth = OAuth::start().await;
    let clerk = &oauth.h.clerk;
    clerk.configure(|options| options.oauth_custom_scopes = vec!["reports:read".to_owned()]);
    assert!(!oauth.redirect(&[]).await.get("code").is_empty());
    let unknown = oauth.redirect(&[("scope", "reports:write")]).await;
    unknown.refused("invalid_scope");
    let metadata = oauth
        .h
        .get("/.well-known/oauth-authorization-server")
        .await
        .ok();
    assert!(
        metadata["scopes_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("reports:read"))
    );
    clerk.configure(|options| options.oauth_audience = false);
    let token = oauth.sign_in().await;
    let seen = oauth.verify(text(&token, "access_token")).await.ok();
    assert!(
        seen.get("aud").is_none(),
        "a resource that Clerk does not know"
    );
    clerk.configure(|options| options.oauth_consent = false);
    let denied = oauth.redirect(&[]).await;
    denied.refused("access_denied");
    assert_eq!(
        (denied.get("state"), denied.get("iss")),
        ("st&te", clerk.issuer())
    );
}

#[tokio::test]
async fn an_identity_token_is_no_access_token() {
    let oauth = OAuth::start().await;
    let changes = [("scope", "openid profile"), ("nonce", "n-1")];
    let back = oauth.redirect(&changes).await;
    let tokens = oauth.exchange(back.get("code")).await.ok();
    let me = oauth.h.clerk.machine("me").create();
    let auth = oauth.h.clerk.authenticator_for(&me);
    assert!(auth.verify(text(&tokens, "access_token")).await.is_ok());
    assert!(auth.verify(text(&tokens, "id_token")).await.is_err());
    oauth
        .verify(text(&tokens, "id_token"))
        .await
        .refused(404, "resource_not_found");
}

#[tokio::test]
async fn sessions_are_listed_and_revoked() {
    let oauth = OAuth::start().await;
    let tokens = oauth.sign_in().await;
    let clerk = &oauth.h.clerk;
    let session = clerk.oauth_sessions().remove(0);
    assert_eq!(session.user_id, clerk.signed_in_user());
    assert_eq!(
        (&session.client_id, &session.resources[..]),
        (&oauth.client, &[RESOURCE.to_owned()][..])
    );
    let id = oauth.verify(text(&tokens, "access_token")).await.ok();
    assert_eq!(session.token_ids, [text(&id, "id")]);
    assert!(clerk.revoke(&session.id));
    assert!(clerk.oauth_sessions()[0].revoked);
    let gone = oauth.verify(text(&tokens, "access_token")).await;
    gone.refused(404, "resource_not_found");
    let refreshed = oauth.refresh(text(&tokens, "refresh_token"), &[]).await;
    refused(&refreshed, 400, "invalid_grant");
}

#[tokio::test]
async fn scripts_of_other_origins_may_call_all_but_the_authorization_page() {
    let oauth = OAuth::start().await;
    let ask = async |method: &str, path: &str| {
        let url = format!("{}{path}", oauth.h.clerk.api_url());
        let request = oauth.http.request(method.parse().unwrap(), url);
        let request = request.header("origin", "https://inspector.example");
        answer(request).await
    };
    for path in [
        "/.well-known/oauth-authorization-server",
        "/oauth/register",
        "/oauth/token",
        "/oauth/token_info",
        "/oauth/token/revoke",
    ] {
        let preflight = ask("OPTIONS", path).await;
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.headers["access-control-allow-origin"], "*");
        let headers = preflight.headers["access-control-allow-headers"]
            .to_str()
            .unwrap();
        assert!(headers.contains("Authorization") && headers.contains('*'));
    }
    let refusal = ask("POST", "/oauth/token").await;
    assert_eq!(
        refusal.headers["access-control-allow-origin"], "*",
        "errors too"
    );
    for (method, path) in [("OPTIONS", "/oauth/authorize"), ("OPTIONS", "/v1/machines")] {
        let answer = ask(method, path).await;
        assert_eq!(answer.status, 405, "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let page = ask("GET", "/oauth/authorize").await;
    assert!(!page.headers.contains_key("access-control-allow-origin"));
}
