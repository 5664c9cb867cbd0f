//! The settings of an admin client: checked at `build()` and read as the authenticator reads them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use clerk_machine_auth::admin::AdminClientBuilder;
use clerk_machine_auth::{AdminClient, Authenticator, BuildError, MachineSecretKey, SecretKey};

use crate::support::child;

fn sound() -> AdminClientBuilder {
    AdminClient::builder().secret_key("sk_test_4f8a")
}

#[test]
fn a_mistake_names_its_setting() {
    let table = [
        ("secret_key (CLERK_SECRET_KEY)", sound().secret_key("")),
        (
            "secret_key (CLERK_SECRET_KEY)",
            sound().secret_key("pk_test_a"),
        ),
        (
            "machine_secret_key (CLERK_MACHINE_SECRET_KEY)",
            sound().machine_secret_key("sk_test_a"),
        ),
        ("api_url (CLERK_API_URL)", sound().api_url("https://a.b/v2")),
        ("api_url (CLERK_API_URL)", sound().api_url("http://a.b")),
        ("timeout", sound().timeout(Duration::ZERO)),
        ("connect_timeout", sound().connect_timeout(Duration::MAX)),
    ];
    for (setting, builder) in table {
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting(), setting, "{error}");
    }
}

#[test]
fn a_secret_may_be_text_or_a_secret_already() {
    let key = SecretKey::new("sk_test_4f8a").unwrap();
    let machine = MachineSecretKey::new("ak_4f8a").unwrap();
    let from_a_file = String::from(" sk_test_4f8a\n");
    for builder in [
        sound(),
        sound().secret_key(key.clone()),
        sound().secret_key("sk_test_4f8a".to_owned()),
        sound().secret_key(&from_a_file),
        sound().machine_secret_key("ak_4f8a"),
        sound().machine_secret(machine.clone()),
    ] {
        builder.build().unwrap();
    }
    let both = Authenticator::builder().secret_key(key).machine_id("mch_a");
    both.machine_secret(machine).build().unwrap();
}

#[test]
fn rule_19_debug_of_the_builder_hides_the_userinfo_of_the_address() {
    let builder = sound().api_url("https://user:hunter2@proxy.example");
    assert!(!format!("{builder:?} {builder:#?}").contains("hunter2"));
}

const CHILD: &str = "admin::settings::what_the_environment_makes";

/// Shows what either builder makes of the environment of its process.
#[test]
#[ignore = "run by others, in a process of its own"]
fn what_the_environment_makes() {
    let shown = |built: Result<String, BuildError>| match built {
        Ok(client) => client,
        Err(error) => format!("{error}"),
    };
    let admin = AdminClient::from_env().map(|client| format!("{client:?}"));
    println!("admin: {}", shown(admin));
    let authenticator = Authenticator::from_env().map(|it| format!("{:?}", it.admin().unwrap()));
    println!("authenticator: {}", shown(authenticator));
}

/// Both lines, without what stands before their colons.
fn made_of(variables: &[(&str, &str)]) -> [String; 2] {
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, OsStr::new(value)))
        .collect();
    made_of_bytes(&variables)
}

fn made_of_bytes(variables: &[(&str, &OsStr)]) -> [String; 2] {
    let text = child::run(CHILD, variables);
    ["admin: ", "authenticator: "].map(|name| {
        let line = text.lines().find_map(|line| line.split_once(name));
        line.unwrap_or_else(|| panic!("no line {name}: {text}"))
            .1
            .to_owned()
    })
}

const SOUND: [(&str, &str); 2] = [
    ("CLERK_SECRET_KEY", "sk_test_4f8a"),
    ("CLERK_MACHINE_ID", "mch_a"),
];

#[test]
fn an_address_from_the_environment_is_read_alike_by_both() {
    for (url, expected) in [
        ("", "api: https://api.clerk.com/,"),
        (" \n", "api: https://api.clerk.com/,"),
        ("https://a.example/v1", "api: https://a.example/,"),
        ("https://a.example/v1/", "api: https://a.example/,"),
        ("https://a.example/v2", "api_url (CLERK_API_URL): its path"),
    ] {
        let made = made_of(&[SOUND[0], SOUND[1], ("CLERK_API_URL", url)]);
        for made in made {
            assert!(made.contains(expected), "{url:?}: {made}");
        }
    }
}

#[test]
fn an_address_that_is_not_unicode_is_never_taken_for_the_usual_one() {
    let secret = ("CLERK_SECRET_KEY", OsStr::new("sk_test_4f8a"));
    let machine = ("CLERK_MACHINE_ID", OsStr::new("mch_a"));
    let url = OsStr::from_bytes(b"https://\xff.example");
    for made in made_of_bytes(&[secret, machine, ("CLERK_API_URL", url)]) {
        assert!(made.starts_with("CLERK_API_URL: "), "{made}");
    }
}

#[test]
fn a_secret_of_white_space_counts_as_none() {
    let blank = ("CLERK_MACHINE_SECRET_KEY", " \n");
    for made in made_of(&[SOUND[0], SOUND[1], blank]) {
        assert!(made.contains("machine: None"), "{made}");
    }
}

#[test]
fn a_client_of_the_exported_http_library_is_taken_by_both() {
    let client = clerk_machine_auth::reqwest::Client::new();
    sound().http_client(client.clone()).build().unwrap();
    let authenticator = Authenticator::builder().secret_key("sk_test_4f8a");
    let authenticator = authenticator.machine_id("mch_a").http_client(client);
    authenticator.build().unwrap();
}
