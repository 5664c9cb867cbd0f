//! Random identifiers and secrets, and the patterns that Clerk requires.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Refusal;

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

/// `{prefix}_` and 27 word characters.
pub(super) fn is_word_id(text: &str, prefixes: &[&str]) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tail(text, prefixes, |tail| {
        tail.len() == 27 && tail.bytes().all(word)
    })
}

/// `{prefix}_` and 32 hexadecimal digits.
pub(super) fn is_hex_id(text: &str, prefixes: &[&str]) -> bool {
    tail(text, prefixes, |tail| {
        tail.len() == 32 && tail.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn tail(text: &str, prefixes: &[&str], good: impl Fn(&str) -> bool) -> bool {
    let mut tails = prefixes
        .iter()
        .filter_map(|prefix| text.strip_prefix(prefix)?.strip_prefix('_'));
    tails.any(good)
}

/// What a word id has to look like, with one that fits.
pub(super) fn expected(prefixes: &[&str]) -> String {
    let starts: Vec<_> = prefixes
        .iter()
        .map(|prefix| format!("`{prefix}_`"))
        .collect();
    let example = prefixes
        .first()
        .map(|prefix| word_id(prefix))
        .unwrap_or_default();
    let starts = starts.join(" or ");
    format!("must be {starts} and 27 letters, digits or underscores, such as {example}")
}

/// Rejects an id in the path that does not match the pattern.
pub(super) fn path_id<'a>(id: &'a str, name: &str, prefixes: &[&str]) -> Result<&'a str, Refusal> {
    if is_hex_id(id, prefixes) {
        return Ok(id);
    }
    let starts: Vec<_> = prefixes
        .iter()
        .map(|prefix| format!("`{prefix}_`"))
        .collect();
    Err(Refusal::bad_request(format!(
        "Invalid 'url_parameter.{name}': must be {} and 32 hexadecimal digits, such as {}",
        starts.join(" or "),
        hex_id(prefixes.first().copied().unwrap_or_default())
    )))
}
