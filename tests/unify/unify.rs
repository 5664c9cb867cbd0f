//! The crate's own HTTP client in a program whose other crates have other wishes for reqwest.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail

use std::io::Write as _;

use clerk_machine_auth::Authenticator;
use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// Without them, this program would show nothing: a client of its own has what it asked for.
#[tokio::test]
async fn a_client_of_another_crate_has_its_wishes() {
    let clerk = ClerkEmulator::start().await;
    let asked = reqwest::get(clerk.api_url()).await.unwrap();
    assert_eq!(asked.status(), 404);
    let wishes = clerk.requests()[0].headers["accept-encoding"].clone();
    assert!(wishes.to_str().unwrap().contains("gzip"), "{wishes:?}");
    assert!(
        client_hello(None)
            .await
            .iter()
            .any(|suite| OLD.contains(suite))
    );
}

#[tokio::test]
async fn rule_19_no_compressed_answer_is_asked_for_and_none_is_read() {
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let key = clerk.api_key(clerk.new_user_id()).create();
    let good = json!({
        "object": "api_key", "id": "ak_4f8a", "type": "api_key", "subject": "user_a",
        "name": "n", "claims": null, "scopes": [], "revoked": false, "expired": false,
        "expiration": null, "created_at": 1_700_000_000_000_u64,
    });
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(good.to_string().as_bytes()).unwrap();
    let answer = Fault::status(200).body(packed.finish().unwrap());
    let answer = answer.header("content-encoding", "gzip");
    clerk.fault(Endpoint::VerifyApiKey, answer).always();
    let service = clerk.authenticator_for(&me);
    let error = service.verify(key.token()).await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.reason()),
        (503, "upstream_answer")
    );
    let request = &clerk.requests()[0];
    assert_eq!(request.endpoint, Endpoint::VerifyApiKey);
    assert!(
        !request.headers.contains_key("accept-encoding"),
        "{:?}",
        request.headers
    );
}

#[tokio::test]
async fn rule_19_tls_is_by_rustls() {
    let suites = client_hello(Some(())).await;
    assert!(!suites.is_empty());
    let old: Vec<_> = suites.iter().filter(|suite| OLD.contains(suite)).collect();
    assert!(old.is_empty(), "{old:x?} of {suites:x?}");
}

/// Suites that OpenSSL offers and rustls does not have: RSA key exchange and CBC.
const OLD: [u16; 6] = [0x002f, 0x0035, 0x003c, 0x009c, 0xc013, 0xc014];

/// Returns the cipher suites that a client offers: ours, or one of another crate.
async fn client_hello(ours: Option<()>) -> Vec<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let asking = tokio::spawn(async move {
        if ours.is_none() {
            return drop(reqwest::get(url).await);
        }
        let service = Authenticator::builder()
            .secret_key("sk_live_4f8a")
            .machine_id("mch_a")
            .api_url(url)
            .build()
            .unwrap();
        drop(service.verify("ak_0123456789abcdef").await);
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    // Record and handshake headers, version and random; then the session id and the suites
    // (RFC 8446 §4.1.2).
    let mut start = [0; 5 + 4 + 2 + 32];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!((start[0], start[5]), (22, 1), "a ClientHello");
    let session = stream.read_u8().await.unwrap();
    stream
        .read_exact(&mut vec![0; usize::from(session)])
        .await
        .unwrap();
    let length = stream.read_u16().await.unwrap();
    let mut suites = Vec::new();
    for _ in 0..length / 2 {
        suites.push(stream.read_u16().await.unwrap());
    }
    asking.abort();
    suites
}
