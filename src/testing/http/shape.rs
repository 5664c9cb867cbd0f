//! The patterns that the document demands of ids and subjects.

use crate::testing::refusal::Refusal;

/// `{prefix}_` and 27 word characters.
pub(super) fn word_id(text: &str, prefixes: &[&str]) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tail(text, prefixes, |tail| {
        tail.len() == 27 && tail.bytes().all(word)
    })
}

/// `{prefix}_` and 32 hexadecimal digits.
pub(super) fn hex_id(text: &str, prefixes: &[&str]) -> bool {
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

/// Refuses an id in the path that cannot be one.
pub(super) fn path_id<'a>(id: &'a str, name: &str, prefixes: &[&str]) -> Result<&'a str, Refusal> {
    if hex_id(id, prefixes) {
        return Ok(id);
    }
    Err(Refusal::bad_request(format!(
        "Invalid 'url_parameter.{name}': Failed regex check"
    )))
}
