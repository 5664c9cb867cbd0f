//! Extracts the one token from a request's header fields (RFC 6750 §2.1, RFC 9110 §11.6.2).
//!
//! 1. `Authorization` may appear on one field line only.
//! 2. Its scheme is compared case-insensitively; another scheme is not a token.
//! 3. The scheme is followed by one run of spaces and one `b64token`, and nothing else.
//! 4. The API-key header, if one is configured, holds a `b64token` and nothing else.
//! 5. A token in both fields is an error.
//! 6. A token longer than the limit is refused before anything reads it.
//!
//! Cookies, the query, the body and trailers are never read.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};

/// The bytes in the place of a token, at most as many as the limit allows; borrowed from the request.
#[derive(Clone, Copy)]
pub(crate) struct RawToken<'a>(&'a [u8]);

impl<'a> RawToken<'a> {
    pub(crate) const fn new(bytes: &'a [u8], max_len: usize) -> Result<Self, Malformed> {
        if bytes.len() > max_len {
            return Err(Malformed::TooLong);
        }
        Ok(Self(bytes))
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Checks the alphabet of RFC 6750 §2.1, of which that of a JWT is a part.
    pub(crate) fn parse(self) -> Result<BearerToken<'a>, Malformed> {
        let text = std::str::from_utf8(self.0).map_err(|_| Malformed::Characters)?;
        let has_jwt_shape = has_jwt_shape(text);
        if has_jwt_shape || all_are(text.trim_end_matches('='), is_b64token) {
            Ok(BearerToken {
                text,
                has_jwt_shape,
            })
        } else {
            Err(Malformed::Characters)
        }
    }
}

/// A `b64token` (RFC 6750 §2.1), at most as long as the limit allows; borrowed from the request.
#[derive(Clone, Copy)]
pub(crate) struct BearerToken<'a> {
    text: &'a str,
    has_jwt_shape: bool,
}

impl<'a> BearerToken<'a> {
    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.text.as_bytes()
    }

    pub(crate) const fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns `true` for three non-empty parts of base64url (RFC 7515 §7.1).
    pub(crate) const fn has_jwt_shape(self) -> bool {
        self.has_jwt_shape
    }
}

fn has_jwt_shape(token: &str) -> bool {
    let parts = token.rsplit_once('.').and_then(|(message, signature)| {
        let (header, claims) = message.split_once('.')?;
        Some([header, claims, signature])
    });
    parts.is_some_and(|parts| parts.into_iter().all(|part| all_are(part, is_base64url)))
}

/// Returns `true` for a text of such bytes that is not empty.
///
/// There is no way out of the loop, so that the compiler makes it compare sixteen bytes at once.
fn all_are(text: &str, such: impl Fn(u8) -> bool) -> bool {
    let all = text.bytes().fold(true, |all, byte| all & such(byte));
    all && !text.is_empty()
}

impl fmt::Debug for RawToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawToken(…)")
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Why a request does not carry exactly one well-formed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    SeveralLines,
    SeveralTokens,
    NoCredentials,
    Characters,
    TooLong,
}

/// The header fields that may carry a token, and its maximum length.
#[derive(Debug, Clone)]
pub(crate) struct TokenSource {
    pub(crate) api_key_header: Option<HeaderName>,
    pub(crate) max_len: usize,
}

impl TokenSource {
    /// Returns the token and the name of the field that carries it, or `None` if none was sent.
    pub(crate) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(RawToken<'a>, HeaderName)>, Malformed> {
        let bearer = self.authorization(headers)?;
        let api_key = self.api_key(headers)?;
        match (bearer, api_key) {
            (Some(_), Some(_)) => Err(Malformed::SeveralTokens),
            (Some(token), None) => Ok(Some((token, AUTHORIZATION))),
            (None, found) => Ok(found),
        }
    }

    fn authorization<'a>(&self, headers: &'a HeaderMap) -> Result<Option<RawToken<'a>>, Malformed> {
        let Some(value) = only_line(headers, &AUTHORIZATION)? else {
            return Ok(None);
        };
        match credentials(value)? {
            Some(token) => RawToken::new(token, self.max_len).map(Some),
            None => Ok(None),
        }
    }

    fn api_key<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(RawToken<'a>, HeaderName)>, Malformed> {
        let Some(name) = &self.api_key_header else {
            return Ok(None);
        };
        let Some(value) = only_line(headers, name)? else {
            return Ok(None);
        };
        let token = RawToken::new(value, self.max_len)?;
        Ok(Some((token, name.clone())))
    }
}

/// Returns the value of a field, or `None` if it is absent; several field lines are an error.
fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Malformed> {
    // As many names as values: no field has several lines.
    if headers.keys_len() == headers.len() {
        return Ok(headers.get(name).map(http::HeaderValue::as_bytes));
    }
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() {
        return Err(Malformed::SeveralLines);
    }
    Ok(first.map(http::HeaderValue::as_bytes))
}

/// Returns the credentials of the scheme `Bearer`, or `None` for an empty value or another scheme.
fn credentials(value: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    if value.is_empty() {
        return Ok(None);
    }
    // The fast path: the spelling of nearly every client.
    if let Some(token) = value.strip_prefix(b"Bearer ")
        && token.first().is_some_and(|byte| *byte != b' ')
    {
        return Ok(Some(token));
    }
    // A token without a scheme, or a scheme without credentials: its sender meant to authenticate,
    // so it must not pass as an anonymous request.
    let space = value
        .iter()
        .position(|byte| *byte == b' ')
        .ok_or(Malformed::NoCredentials)?;
    let (scheme, rest) = value.split_at(space);
    if scheme.is_empty() || !scheme.iter().all(|byte| is_tchar(*byte)) {
        return Err(Malformed::Characters);
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return if hides_bearer(rest) {
            Err(Malformed::SeveralTokens)
        } else {
            Ok(None)
        };
    }
    match rest.iter().position(|byte| *byte != b' ') {
        Some(start) => Ok(rest.get(start..)),
        None => Err(Malformed::NoCredentials),
    }
}

/// RFC 9110 §5.6.2: the alphabet of a scheme's name.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns `true` if a proxy joined a `Bearer` field line onto one of another scheme.
fn hides_bearer(rest: &[u8]) -> bool {
    rest.split(|byte| *byte == b',').skip(1).any(|part| {
        let part = part.trim_ascii_start();
        part.get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "))
    })
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`, without the padding.
const fn is_b64token(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/')
}

/// The alphabet of base64url (RFC 4648 §5).
const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests;
