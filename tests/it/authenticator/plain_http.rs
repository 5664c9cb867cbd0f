//! Plain `http` to an emulator in another container: for the host that the code names, and no other.

use std::net::SocketAddr;

use clerk_machine_auth::outbound::M2mTokenSource;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{AdminClient, Authenticator, AuthenticatorBuilder};

const NAME: &str = "clerk-emulator";

fn builder(api_url: &str) -> AuthenticatorBuilder {
    Authenticator::builder()
        .secret_key("sk_test_4f8a")
        .machine_id("mch_a")
        .api_url(api_url)
}

#[tokio::test]
async fn rule_19_a_service_reaches_an_emulator_under_the_name_of_its_container() {
    let clerk = ClerkEmulator::start().await;
    let orders = clerk.machine("orders").create();
    let billing = clerk.machine("billing").scoped_to(&orders).create();
    let address: SocketAddr = clerk.api_url()["http://".len()..].parse().unwrap();
    let http = reqwest::Client::builder().resolve(NAME, address);
    let auth = Authenticator::builder()
        .api_url(format!("http://{NAME}:{}", address.port()))
        .danger_accept_plain_http(NAME)
        .http_client(http.build().unwrap())
        .secret_key(clerk.secret_key())
        .machine_id(orders.id())
        .build()
        .unwrap();
    for token in [
        clerk.m2m_token(&billing).create(),
        clerk.m2m_jwt(&billing).create(),
    ] {
        let verified = auth.verify(token.token()).await.unwrap();
        assert_eq!(verified.machine_id(), Some(billing.id()));
    }
}

#[test]
fn rule_19_plain_http_is_accepted_for_the_named_host_only() {
    let url = format!("http://{NAME}:4010");
    let refused = builder(&url).build().unwrap_err();
    assert!(
        refused.to_string().contains("danger_accept_plain_http"),
        "{refused}"
    );
    assert!(builder(&url).danger_accept_plain_http(NAME).build().is_ok());
    for other in ["http://api.clerk.com", "http://clerk-emulator.example"] {
        let built = builder(other).danger_accept_plain_http(NAME).build();
        assert_eq!(
            built.unwrap_err().setting(),
            "api_url (CLERK_API_URL)",
            "{other}"
        );
    }
    for wrong in ["clerk-emulator:4010", "http://clerk-emulator", "", "*"] {
        let built = builder(&url).danger_accept_plain_http(wrong).build();
        assert!(built.is_err(), "{wrong}");
    }
}

#[test]
fn rule_19_plain_http_is_refused_with_a_production_secret() {
    let built = builder(&format!("http://{NAME}:4010"))
        .secret_key("sk_live_4f8a")
        .danger_accept_plain_http(NAME)
        .build();
    assert_eq!(built.unwrap_err().setting(), "danger_accept_plain_http");
}

#[test]
fn the_admin_client_and_the_token_source_take_it_as_well() {
    let url = format!("http://{NAME}:4010");
    let admin = || {
        AdminClient::builder()
            .secret_key("sk_test_4f8a")
            .api_url(&url)
    };
    assert!(admin().build().is_err());
    assert!(admin().danger_accept_plain_http(NAME).build().is_ok());
    let source = || {
        M2mTokenSource::builder()
            .machine_secret_key("ak_4f8a")
            .api_url(&url)
    };
    assert!(source().build().is_err());
    assert!(source().danger_accept_plain_http(NAME).build().is_ok());
}
