//! Rules 8 and 19: an HTTP client of the application's own, and what it must not be taken in by.

use clerk_machine_auth::health::UpstreamProblem;
use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
use serde_json::json;

use crate::faults::world::World;

/// It follows redirects, as reqwest does where nobody says otherwise.
#[tokio::test]
async fn rule_8_an_answer_from_where_a_redirect_led_is_a_broken_upstream() {
    let (world, elsewhere) = (World::new().await, ClerkEmulator::start().await);
    let good = json!({
        "object": "api_key", "id": "ak_4f8a", "type": "api_key", "subject": "user_a",
        "name": "n", "claims": null, "scopes": [], "revoked": false, "expired": false,
        "expiration": null, "created_at": 1_700_000_000_000_u64,
    });
    elsewhere
        .fault(Endpoint::Any, Fault::status(200).body(good.to_string()))
        .always();
    let target = format!("{}/v1/api_keys/verify", elsewhere.api_url());
    world
        .clerk
        .fault(
            Endpoint::VerifyApiKey,
            Fault::status(307).header("location", &target),
        )
        .always();
    let client = reqwest::Client::new();
    let service = world.builder().http_client(client).build().unwrap();
    let error = service.verify(&world.key()).await.unwrap_err();
    assert_eq!(
        elsewhere.calls(Endpoint::VerifyApiKey),
        1,
        "it was followed"
    );
    assert_eq!(
        (error.status().as_u16(), error.reason()),
        (503, "upstream_answer")
    );
    assert_eq!(service.health().problem, Some(UpstreamProblem::Unreadable));
}
