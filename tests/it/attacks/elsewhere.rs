//! Rule 19: nobody makes this service call another host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
use clerk_machine_auth::{Authenticator, MachineId};
use serde_json::json;
use tokio::net::TcpListener;

/// A host that must not be called.
struct Elsewhere {
    url: String,
    called: Arc<AtomicUsize>,
}

async fn elsewhere() -> Elsewhere {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let called = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&called);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    Elsewhere { url, called }
}

#[tokio::test]
async fn rule_19_redirects_are_not_followed() {
    let (clerk, other) = (ClerkEmulator::start().await, elsewhere().await);
    let service = clerk.authenticator_for(&clerk.machine("me").create());
    let caller = clerk.machine("caller").create();
    for status in [301, 302, 303, 307, 308] {
        clerk
            .fault(
                Endpoint::Any,
                Fault::status(status).header("location", &other.url),
            )
            .always();
        let key = clerk.api_key(clerk.new_user_id()).create();
        assert_eq!(service.verify(key.token()).await.unwrap_err().status(), 503);
        let jwt = clerk.m2m_jwt(&caller).create();
        assert_eq!(service.verify(jwt.token()).await.unwrap_err().status(), 503);
        let id = MachineId::new(caller.id()).unwrap();
        assert!(service.admin().unwrap().machines().get(&id).await.is_err());
        clerk.clear_faults();
    }
    assert_eq!(other.called.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rule_19_no_url_in_a_token_is_ever_called() {
    let (clerk, other) = (ClerkEmulator::start().await, elsewhere().await);
    let service = clerk.authenticator_for(&clerk.machine("me").create());
    let claims = json!({"sub": "mch_a", "exp": 4_000_000_000_u64, "iss": other.url});
    for name in ["jku", "x5u", "kid", "iss"] {
        let header = json!({"alg": "RS256", "typ": "JWT", name: other.url});
        assert!(
            service
                .verify(&clerk.sign_jwt(&header, &claims))
                .await
                .is_err()
        );
    }
    assert_eq!(other.called.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rule_19_a_hostile_subject_reaches_no_other_path() {
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let service = clerk.authenticator_for(&me);
    for sub in [
        "mch_../users",
        "mch_a/../../v1/jwks",
        "mch_%2e%2e",
        "mch_a?x=1",
        "mch_a#b",
        "mch_\u{0}",
        "mch_\u{e9}",
        "mch_ ",
    ] {
        let token = clerk.sign_jwt(
            &json!({"alg": "RS256"}),
            &json!({"sub": sub, "exp": 4_000_000_000_u64, "iss": clerk.issuer()}),
        );
        assert!(service.verify(&token).await.is_err(), "{sub}");
    }
    let paths: Vec<_> = clerk
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert!(paths.iter().all(|path| path == "/v1/jwks"), "{paths:?}");
}

#[test]
fn rule_19_no_url_but_a_plain_https_one_is_taken() {
    for url in [
        "http://api.clerk.com",
        "https://user:pass@api.clerk.com",
        "https://api.clerk.com?x",
        "https://api.clerk.com#x",
        "ftp://api.clerk.com",
        "file:///etc/passwd",
        "//api.clerk.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
    ] {
        let builder = Authenticator::builder()
            .secret_key("sk_test_a")
            .machine_id("mch_a");
        let error = builder.api_url(url).build().unwrap_err();
        assert!(error.setting().starts_with("api_url"), "{url}");
    }
}
