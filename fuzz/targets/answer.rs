//! Clerk's answers: what makes an identity says so in every field that a decision needs.
#![no_main]

use clerk_machine_auth::TokenType;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for (kind, object, classes) in [
        (TokenType::M2m, "machine_to_machine_token", ["mch_", "mch_"]),
        (TokenType::ApiKey, "api_key", ["user_", "org_"]),
        (TokenType::OAuth, "clerk_idp_oauth_access_token", ["user_", "user_"]),
    ] {
        let Some(subject) = clerk_machine_auth::fuzzing::answer(kind, data) else {
            continue;
        };
        let body: serde_json::Value = serde_json::from_slice(data).unwrap();
        assert_eq!((&body["object"], &body["revoked"], &body["expired"]), (&object.into(), &false.into(), &false.into()));
        assert!(body.get("active") != Some(&false.into()));
        assert!(classes.iter().any(|class| subject.starts_with(class)) && body["subject"] == subject.as_str());
    }
});
