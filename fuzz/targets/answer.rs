//! Clerk's answers: what makes an identity says so in every field that a decision needs.
#![no_main]

use clerk_machine_auth::TokenType;
use serde::Deserialize;

/// What a decision needs. Other members may hold what no Rust number can, such as `17e400`.
#[derive(Deserialize)]
struct Body {
    object: String,
    subject: String,
    revoked: bool,
    expired: bool,
    active: Option<bool>,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for (kind, object, classes) in [
        (TokenType::M2m, "machine_to_machine_token", ["mch_", "mch_"]),
        (TokenType::ApiKey, "api_key", ["user_", "org_"]),
        (TokenType::OAuth, "clerk_idp_oauth_access_token", ["user_", "user_"]),
    ] {
        let Some(subject) = clerk_machine_auth::fuzzing::answer(kind, data) else {
            continue;
        };
        let body: Body = serde_json::from_slice(data).unwrap();
        assert_eq!((&*body.object, body.revoked, body.expired), (object, false, false));
        assert!(body.active != Some(false));
        assert!(classes.iter().any(|class| subject.starts_with(class)) && body.subject == subject);
    }
});
