//! Key sets: no document breaks the reader, and what is taken holds an RSA key.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if clerk_machine_auth::fuzzing::key_set(data) {
        let document: serde_json::Value = serde_json::from_slice(data).unwrap();
        let keys = document["keys"].as_array().unwrap();
        assert!(keys.iter().any(|key| key["kty"] == "RSA" && key.get("d").is_none()));
    }
});
