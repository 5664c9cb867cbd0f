//! Settings: mistakes fail at `build()`, with the setting's name and what to do.

use std::time::Duration;

use clerk_machine_auth::{Authenticator, AuthenticatorBuilder, TokenType};

fn sound() -> AuthenticatorBuilder {
    Authenticator::builder()
        .secret_key("sk_test_4f8a")
        .machine_id("mch_a")
}

#[test]
fn a_mistake_names_its_setting() {
    let minute = Duration::from_secs(60);
    let none: [&str; 0] = [];
    let table = [
        ("secret_key (CLERK_SECRET_KEY)", Authenticator::builder()),
        (
            "secret_key (CLERK_SECRET_KEY)",
            sound().secret_key("pk_test_4f8a"),
        ),
        ("secret_key (CLERK_SECRET_KEY)", sound().secret_key("")),
        (
            "secret_key (CLERK_SECRET_KEY)",
            Authenticator::builder()
                .machine_secret_key("ak_a")
                .accept([TokenType::ApiKey]),
        ),
        (
            "machine_secret_key (CLERK_MACHINE_SECRET_KEY)",
            sound().machine_secret_key("sk_test_a"),
        ),
        (
            "machine_id (CLERK_MACHINE_ID)",
            sound().machine_id("orders"),
        ),
        (
            "machine_id (CLERK_MACHINE_ID)",
            sound().machine_id("mch_../a"),
        ),
        ("jwt_key (CLERK_JWT_KEY)", sound().jwt_key("no key")),
        (
            "publishable_key (CLERK_PUBLISHABLE_KEY)",
            sound().publishable_key("pk_test_!"),
        ),
        (
            "api_url (CLERK_API_URL)",
            sound().api_url("http://api.clerk.com"),
        ),
        (
            "api_url (CLERK_API_URL)",
            sound().api_url("https://u:p@api.clerk.com"),
        ),
        (
            "api_url (CLERK_API_URL)",
            sound().api_url("https://api.clerk.com/v2"),
        ),
        (
            "api_url (CLERK_API_URL)",
            sound().api_url("https://proxy.example/api/v1"),
        ),
        ("issuer", sound().issuer("")),
        ("issuer", sound().issuer(" ")),
        ("issuer", sound().issuer("https://clerk.example/")),
        ("max_token_len", sound().max_token_len(64 * 1024 + 1)),
        ("accept", sound().accept([])),
        ("allow_senders", sound().allow_senders(none)),
        ("allow_senders", sound().allow_senders(["user_a"])),
        ("audience", sound().audience("")),
        ("allow_clients", sound().allow_clients(none)),
        ("allow_clients", sound().allow_clients(["client_a", ""])),
        (
            "allow_clients",
            sound().allow_clients(["client_a client_b"]),
        ),
        ("stale_if_error", sound().stale_if_error(minute * 6)),
        ("jwt_verdict_for", sound().jwt_verdict_for(minute * 6)),
        ("clock_skew", sound().clock_skew(minute * 2)),
        ("timeout", sound().timeout(Duration::ZERO)),
        ("timeout", sound().timeout(Duration::MAX)),
        ("connect_timeout", sound().connect_timeout(Duration::ZERO)),
        ("connect_timeout", sound().connect_timeout(Duration::MAX)),
        ("fresh_for", sound().fresh_for(Duration::MAX)),
        ("negative_for", sound().negative_for(Duration::MAX)),
        ("keys_fresh_for", sound().keys_fresh_for(Duration::MAX)),
        ("keys_cooldown", sound().keys_cooldown(Duration::ZERO)),
        ("keys_cooldown", sound().keys_cooldown(Duration::MAX)),
        ("keys_max_stale", sound().keys_max_stale(Duration::MAX)),
        ("cache_bytes", sound().cache_bytes(1_048_575)),
        ("max_token_len", sound().max_token_len(0)),
        ("calls_per_second", sound().calls_per_second(0)),
        (
            "unknown_calls_per_second",
            sound().unknown_calls_per_second(81),
        ),
        ("calls_in_flight", sound().calls_in_flight(0)),
        ("keys_refresh_ahead", sound().keys_refresh_ahead(minute * 5)),
        ("api_key_subjects", sound().api_key_subjects(["usr_"])),
        ("api_key_subjects", sound().api_key_subjects(none)),
    ];
    let largest = sound().max_token_len(64 * 1024).issuer("https://a");
    assert!(sound().build().is_ok() && largest.build().is_ok());
    for (setting, builder) in table {
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting(), setting, "{error}");
        assert!(error.to_string().len() > setting.len() + 10, "{error}");
    }
}

/// Keys of one instance say `test` or `live` alike; with keys of two, every JWT would be refused.
#[test]
fn keys_of_two_instances_are_refused() {
    let pk = |environment: &str| format!("pk_{environment}_Y2xlcmsuZXhhbXBsZSQ=");
    for (secret, published, agree) in [
        ("sk_test_a", pk("test"), true),
        ("sk_live_a", pk("live"), true),
        ("sk_a", pk("live"), true),
        ("sk_test_a", pk("live"), false),
        ("sk_live_a", pk("test"), false),
    ] {
        let built = sound().secret_key(secret).publishable_key(&published);
        let error = built.build().err();
        assert_eq!(error.is_none(), agree, "{secret} {published}");
        if let Some(error) = error {
            assert_eq!(error.setting(), "publishable_key (CLERK_PUBLISHABLE_KEY)");
            assert!(error.to_string().contains("different instances"), "{error}");
        }
    }
}

#[test]
fn a_secret_of_another_sort_is_named() {
    let secret_key = |it: &str| sound().secret_key(it).build();
    let machine_key = |it: &str| sound().machine_secret_key(it).build();
    let published = |it: &str| sound().publishable_key(it).build();
    for (built, expected) in [
        (
            secret_key("pk_test_Y2xlcmsuZXhhbXBsZSQ="),
            "this is a publishable key; set CLERK_PUBLISHABLE_KEY",
        ),
        (
            secret_key("ak_a"),
            "this is a machine secret key; set CLERK_MACHINE_SECRET_KEY",
        ),
        (
            machine_key("sk_test_a"),
            "this is an instance secret key; set CLERK_SECRET_KEY",
        ),
        (
            published("sk_test_a"),
            "this is an instance secret key; set CLERK_SECRET_KEY",
        ),
        (secret_key("\"sk_test_a\""), "remove the quotes"),
        (machine_key("'ak_a'"), "remove the quotes"),
        (
            published("'pk_test_Y2xlcmsuZXhhbXBsZSQ='"),
            "remove the quotes",
        ),
        (
            sound().api_url("'https://api.clerk.com'").build(),
            "remove the quotes",
        ),
    ] {
        let error = built.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(secret_key(" sk_test_a\n").is_ok());
}

/// A `main` that returns the error shows it by `Debug`.
#[test]
fn a_build_error_reads_the_same_in_debug() {
    let error = sound().timeout(Duration::ZERO).build().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[test]
fn rule_19_no_error_and_no_debug_shows_a_secret() {
    let secret = "canary4f8a";
    let builders = [
        sound().secret_key(format!("sk_test_{secret}")),
        sound().machine_secret_key(format!("ak_{secret}")),
        sound().secret_key(format!("sk test {secret}")),
        sound().machine_secret_key(format!("mk_{secret}")),
        sound().jwt_key(format!(
            "-----BEGIN PRIVATE KEY-----{secret}-----END PRIVATE KEY-----"
        )),
    ];
    for builder in builders {
        let shown = format!("{builder:?} {:?}", builder.clone().build());
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn an_api_url_may_end_in_v1_or_a_slash() {
    for url in [
        "https://api.clerk.com/v1",
        "https://api.clerk.com/v1/",
        "https://api.clerk.com/",
    ] {
        let admin = sound().api_url(url).build().unwrap();
        let shown = format!("{:?}", admin.admin().unwrap());
        assert!(
            shown.contains("https://api.clerk.com/") && !shown.contains("v1"),
            "{shown}"
        );
    }
}

#[test]
fn rule_12_the_default_of_everything_is_enough_to_build_without_a_runtime() {
    let auth = sound().build().unwrap();
    assert_eq!(auth.health().calls_left_unknown, 15);
    assert!(!auth.health().keys_ready && auth.health().problem.is_none());
}

/// Clerk allows 1 000 calls in ten seconds to a production instance, 100 to a development one.
#[test]
fn rule_12_the_default_budget_is_that_of_the_instance() {
    let left = |builder: AuthenticatorBuilder| {
        let health = builder.build().unwrap().health();
        (health.calls_left_unknown, health.calls_left_known)
    };
    let live = || sound().secret_key("sk_live_4f8a");
    assert_eq!(left(live()), (150, 170));
    assert_eq!(left(sound()), (15, 17));
    let machine = Authenticator::builder().machine_secret_key("ak_a");
    assert_eq!(left(machine.clone()), (150, 170));
    let development = "pk_test_Y2xlYW4tbWF5Zmx5LTYyLmNsZXJrLmFjY291bnRzLmRldiQ=";
    let machine = machine.publishable_key(development).any_sender();
    assert_eq!(left(machine), (15, 17));
    // What is set counts, and the rest follows from it.
    assert_eq!(left(sound().calls_per_second(80)), (150, 170));
    assert_eq!(left(live().calls_per_second(40)), (75, 85));
    assert_eq!(left(live().calls_per_second(1)), (2, 2));
    assert_eq!(left(sound().call_burst(40)), (40, 42));
}
