//! Classification: prefixes are exact, and a JWT has three parts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let starts = |prefix: &str| data.starts_with(prefix.as_bytes());
    match clerk_machine_auth::fuzzing::shape(data) {
        Some("jwt") => assert_eq!(data.split(|byte| *byte == b'.').count(), 3),
        Some("m2m_token") => assert!(starts("mt_")),
        Some("api_key") => assert!(starts("ak_")),
        Some("oauth_token") => assert!(starts("oat_")),
        Some(other) => panic!("{other}"),
        None => {}
    }
});
