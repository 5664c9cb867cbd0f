//! Random identifiers and secrets in the shapes that Clerk's own have.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const WORD: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's generator does not fail on any supported platform; were it to, ids would
    // repeat and the first lookup by id would show it.
    let _ = rand::fill(&mut bytes);
    bytes
}

/// `{prefix}_` and 27 word characters: machines, instances, users, clients.
pub(super) fn word_id(prefix: &str) -> String {
    let tail = random::<27>().map(|byte| char::from(WORD[usize::from(byte) % WORD.len()]));
    format!("{prefix}_{}", tail.iter().collect::<String>())
}

/// `{prefix}_` and 32 hexadecimal digits: tokens and API keys.
pub(super) fn hex_id(prefix: &str) -> String {
    let digits: String = random::<16>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{prefix}_{digits}")
}

/// `{prefix}_` and 44 base64 characters: `/`, `+` and `=` included, as in Clerk's own secrets.
pub(super) fn secret(prefix: &str) -> String {
    format!("{prefix}_{}", STANDARD.encode(random::<32>()))
}

/// `{prefix}` and 43 word characters: instance secrets, trace ids.
pub(super) fn word_secret(prefix: &str) -> String {
    let tail = random::<43>().map(|byte| char::from(WORD[usize::from(byte) % WORD.len()]));
    format!("{prefix}{}", tail.iter().collect::<String>())
}

/// 32 hexadecimal digits, as a trace id has.
pub(super) fn trace_id() -> String {
    random::<16>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
