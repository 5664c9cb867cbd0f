//! Extraction: whatever the field lines are, what comes out is one token in the alphabet.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let lines: Vec<_> = data.split(|byte| *byte == b'\n').collect();
    let Some(token) = clerk_machine_auth::fuzzing::bearer(&lines) else {
        return;
    };
    assert!(!token.is_empty() && token.len() <= 8_192);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
    assert_eq!(lines.len(), 1, "two lines are never one token");
    // The line is the scheme, spaces, and the token to its very end.
    let line = lines[0];
    assert!(line[..6].eq_ignore_ascii_case(b"bearer") && line.ends_with(token.as_bytes()));
    assert!(line[6..line.len() - token.len()].iter().all(|byte| *byte == b' '));
});
