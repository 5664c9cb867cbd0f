//! The authorization server under hostile clients and strangers.

use std::time::Duration;

use serde_json::json;

use crate::emulator::oauth_client::{CALLBACK, OAuth, RESOURCE, VERIFIER, answer, refused, text};

#[tokio::test]
async fn a_code_used_twice_ends_the_session() {
    let oauth = OAuth::start().await;
    let code = oauth.code().await;
    let tokens = oauth.exchange(&code).await.ok();
    let token = text(&tokens, "access_token");
    assert_eq!(oauth.verify(token).await.status, 200);
    refused(&oauth.exchange(&code).await, 400, "invalid_grant");
    oauth.verify(token).await.refused(404, "resource_not_found");
    let refreshed = oauth.refresh(text(&tokens, "refresh_token"), &[]).await;
    refused(&refreshed, 400, "invalid_grant");
    assert!(oauth.h.clerk.oauth_sessions()[0].revoked);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_session() {
    let oauth = OAuth::start().await;
    let first = oauth.sign_in().await;
    let stolen = text(&first, "refresh_token");
    let second = oauth.refresh(stolen, &[]).await.ok();
    refused(&oauth.refresh(stolen, &[]).await, 400, "invalid_grant");
    let victim = oauth.refresh(text(&second, "refresh_token"), &[]).await;
    refused(&victim, 400, "invalid_grant");
    for tokens in [&first, &second] {
        let gone = oauth.verify(text(tokens, "access_token")).await;
        gone.refused(404, "resource_not_found");
    }
}

#[tokio::test]
async fn a_code_needs_its_verifier_at_the_first_attempt() {
    let oauth = OAuth::start().await;
    for wrong in [
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "short",
    ] {
        let code = oauth.code().await;
        let answer = oauth
            .exchange_with(&code, &[("code_verifier", wrong)])
            .await;
        refused(&answer, 400, "invalid_grant");
        refused(&oauth.exchange(&code).await, 400, "invalid_grant");
    }
    let code = oauth.code().await;
    let answer = oauth.exchange_with(&code, &[("code_verifier", "")]).await;
    refused(&answer, 400, "invalid_request");
    assert_eq!(oauth.exchange(&code).await.status, 200, "nothing was tried");
    assert_eq!(oauth.h.clerk.oauth_sessions().len(), 1);
}

#[tokio::test]
async fn only_s256_is_a_challenge() {
    let oauth = OAuth::start().await;
    for changes in [
        [
            ("code_challenge", VERIFIER),
            ("code_challenge_method", "plain"),
        ],
        [("code_challenge", VERIFIER), ("code_challenge_method", "")],
        [("code_challenge", ""), ("code_challenge_method", "S256")],
        [
            ("code_challenge", "tooshort"),
            ("code_challenge_method", "S256"),
        ],
    ] {
        let back = oauth.redirect(&changes).await;
        back.refused("invalid_request");
        assert_eq!(back.get("state"), "st&te");
    }
}

#[tokio::test]
async fn nobody_is_sent_where_no_client_registered() {
    let oauth = OAuth::start().await;
    for changes in [
        ("client_id", "client_unknown"),
        ("client_id", ""),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1/callback/../evil"),
        ("redirect_uri", "http://127.0.0.1/callback?x=1"),
        ("redirect_uri", "http://127.0.0.1:1@evil.example/callback"),
        ("redirect_uri", "http://localhost/callback"),
        ("redirect_uri", "https://127.0.0.1/callback"),
    ] {
        let request = oauth.request_with(&[changes]);
        let response = oauth.authorize(&request).await;
        assert_eq!(response.status(), 400, "{changes:?}");
        assert!(!response.headers().contains_key("location"), "{changes:?}");
        let body = response.text().await.unwrap();
        assert!(!body.contains("evil"), "nothing is echoed: {body}");
    }
    let client = oauth.h.clerk.oauth_client("https://a.example/cb");
    let client = client.redirect_uri("https://b.example/cb").create();
    let changes = [("client_id", client.client_id()), ("redirect_uri", "")];
    let response = oauth.authorize(&oauth.request_with(&changes)).await;
    assert_eq!(response.status(), 400, "which of the two is meant");
    let only = oauth.redirect(&[("redirect_uri", "")]).await;
    assert_eq!(only.to, CALLBACK, "the only one");
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let oauth = OAuth::start().await;
    let url = format!("{}/oauth/authorize", oauth.h.clerk.api_url());
    let mut url = url::Url::parse_with_params(&url, oauth.request()).unwrap();
    url.query_pairs_mut()
        .append_pair("redirect_uri", "https://evil.example/");
    let response = oauth.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(!response.headers().contains_key("location"));
    let code = oauth.code().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", &oauth.client),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("code", &code),
        ("code", &code),
    ];
    refused(
        &oauth.post("/oauth/token", &form).await,
        400,
        "invalid_request",
    );
}

#[tokio::test]
async fn a_code_is_for_its_client_and_its_redirect_uri() {
    let oauth = OAuth::start().await;
    let other = oauth.h.clerk.oauth_client(CALLBACK).create();
    let code = oauth.code().await;
    let stolen = oauth
        .exchange_with(&code, &[("client_id", other.client_id())])
        .await;
    refused(&stolen, 400, "invalid_grant");
    assert_eq!(
        oauth.exchange(&code).await.status,
        200,
        "its own client may"
    );
    for uri in ["http://127.0.0.1:1/callback", "https://evil.example/", ""] {
        let code = oauth.code().await;
        let answer = oauth.exchange_with(&code, &[("redirect_uri", uri)]).await;
        refused(&answer, 400, "invalid_grant");
    }
    let code = oauth.redirect(&[("redirect_uri", "")]).await;
    let answer = oauth
        .exchange_with(code.get("code"), &[("redirect_uri", "")])
        .await;
    assert_eq!(answer.status, 200, "it was named in neither request");
}

#[tokio::test]
async fn a_refresh_token_is_for_its_client() {
    let oauth = OAuth::start().await;
    let tokens = oauth.sign_in().await;
    let token = text(&tokens, "refresh_token");
    let other = oauth.h.clerk.oauth_client(CALLBACK).create();
    let other = other.client_id();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", other),
        ("refresh_token", token),
    ];
    refused(
        &oauth.post("/oauth/token", &form).await,
        400,
        "invalid_grant",
    );
    let form = [("client_id", other), ("token", token)];
    let answer = oauth.post("/oauth/token/revoke", &form).await;
    refused(&answer, 400, "invalid_grant");
    assert_eq!(
        oauth.refresh(token, &[]).await.status,
        200,
        "the owner is unharmed"
    );
}

#[tokio::test]
async fn codes_and_refresh_tokens_expire() {
    let oauth = OAuth::start().await;
    let clock = oauth.h.clerk.clock();
    let (early, late) = (oauth.code().await, oauth.code().await);
    clock.advance(Duration::from_secs(599));
    let tokens = oauth.exchange(&early).await.ok();
    clock.advance(Duration::from_secs(1));
    refused(&oauth.exchange(&late).await, 400, "invalid_grant");
    clock.advance(Duration::from_secs(315_360_000));
    let answer = oauth.refresh(text(&tokens, "refresh_token"), &[]).await;
    refused(&answer, 400, "invalid_grant");
}

#[tokio::test]
async fn secrets_in_a_query_are_not_read() {
    let oauth = OAuth::start().await;
    let code = oauth.code().await;
    let query = format!(
        "grant_type=authorization_code&code={code}&client_id={}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}",
        oauth.client
    );
    let url = format!("{}/oauth/token?{query}", oauth.h.clerk.api_url());
    let form = "application/x-www-form-urlencoded";
    let request = oauth.http.post(&url).header("content-type", form);
    refused(&answer(request).await, 400, "invalid_request");
    assert_eq!(answer(oauth.http.get(&url)).await.status, 405);
    let json = json!({ "grant_type": "authorization_code", "code": code });
    let answer = oauth.h.post("/oauth/token", json).await;
    refused(&answer, 400, "invalid_request");
    assert_eq!(
        oauth.exchange(&code).await.status,
        200,
        "the code is unspent"
    );
}

#[tokio::test]
async fn a_token_is_never_for_more_resources_than_were_granted() {
    let oauth = OAuth::start().await;
    for resource in ["mcp", "https://a.example/#x", "//a.example"] {
        let back = oauth.redirect(&[("resource", resource)]).await;
        back.refused("invalid_target");
    }
    let code = oauth.code().await;
    let other = [("resource", "https://other.example")];
    refused(
        &oauth.exchange_with(&code, &other).await,
        400,
        "invalid_target",
    );
    let code = oauth.redirect(&[("resource", "")]).await;
    let asked = [("resource", RESOURCE)];
    let answer = oauth.exchange_with(code.get("code"), &asked).await;
    refused(&answer, 400, "invalid_target");
}

#[tokio::test]
async fn other_flows_are_refused() {
    let oauth = OAuth::start().await;
    for (changes, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "a\"b"), "invalid_scope"),
    ] {
        oauth.redirect(&[changes]).await.refused(error);
    }
    for grant in ["password", "client_credentials"] {
        let form = [("grant_type", grant), ("client_id", &*oauth.client)];
        let answer = oauth.post("/oauth/token", &form).await;
        refused(&answer, 400, "unsupported_grant_type");
    }
}
