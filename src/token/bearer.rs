//! Takes the one token off a request's header fields (RFC 6750 §2.1, RFC 9110 §11.6.2).
//!
//! 1. The field `Authorization` may stand on one line only.
//! 2. Its scheme is compared without regard to case; another scheme is no token.
//! 3. After the scheme stand one run of spaces and one `b64token`, and nothing else.
//! 4. The API-key field, where one is configured, holds a `b64token` and nothing else.
//! 5. A token in both fields is one too many.
//! 6. A token longer than the limit is refused before anything looks into it.
//!
//! Cookies, the query, the body and trailers are never looked at.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};

use super::alphabet::letters;

/// What stands where a token belongs, no longer than the limit; borrowed from the request.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a>(&'a [u8]);

impl<'a> Presented<'a> {
    pub(crate) const fn new(bytes: &'a [u8], max_len: usize) -> Result<Self, Malformed> {
        if bytes.len() > max_len {
            return Err(Malformed::TooLong);
        }
        Ok(Self(bytes))
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Looks at every letter.
    pub(crate) fn read(self) -> Result<BearerToken<'a>, Malformed> {
        BearerToken::parse(self.0)
    }
}

/// A token in the alphabet of RFC 6750, no longer than the limit; borrowed from the request.
#[derive(Clone, Copy)]
pub(crate) struct BearerToken<'a> {
    bytes: &'a [u8],
    /// It may be a JWT by its letters: two dots, and otherwise base64url.
    looks_like_jwt: bool,
}

impl<'a> BearerToken<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let body = without_padding(bytes);
        let letters = letters(body);
        if !letters.is_b64token {
            return Err(Malformed::Characters);
        }
        let unpadded = body.len() == bytes.len();
        Ok(Self {
            bytes,
            looks_like_jwt: unpadded && letters.is_base64url && letters.dots == 2,
        })
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Reads all of it once more: for those who need text, which a remembered token does not.
    pub(crate) fn as_str(self) -> &'a str {
        // Never the default: the alphabet is ASCII.
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }

    pub(super) const fn looks_like_jwt(self) -> bool {
        self.looks_like_jwt
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Why the fields of a request do not hold exactly one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    SeveralLines,
    SeveralTokens,
    NoCredentials,
    Characters,
    TooLong,
}

/// Where tokens are looked for, and how long they may be.
#[derive(Debug, Clone)]
pub(crate) struct TokenSource {
    pub(crate) api_key_header: Option<HeaderName>,
    pub(crate) max_len: usize,
}

impl TokenSource {
    /// Returns what stands in the place of a token and the field it stands in, or `None` where no
    /// token was sent.
    pub(crate) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(Presented<'a>, HeaderName)>, Malformed> {
        let bearer = self.authorization(headers)?;
        let api_key = self.api_key(headers)?;
        match (bearer, api_key) {
            (Some(_), Some(_)) => Err(Malformed::SeveralTokens),
            (Some(token), None) => Ok(Some((token, AUTHORIZATION))),
            (None, found) => Ok(found),
        }
    }

    fn authorization<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<Presented<'a>>, Malformed> {
        let Some(value) = only_line(headers, &AUTHORIZATION)? else {
            return Ok(None);
        };
        match credentials(value)? {
            Some(token) => Presented::new(token, self.max_len).map(Some),
            None => Ok(None),
        }
    }

    fn api_key<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(Presented<'a>, HeaderName)>, Malformed> {
        let Some(name) = &self.api_key_header else {
            return Ok(None);
        };
        let Some(value) = only_line(headers, name)? else {
            return Ok(None);
        };
        let token = Presented::new(value, self.max_len)?;
        Ok(Some((token, name.clone())))
    }
}

/// Returns the value of a field that stands on one line, `None` where it is absent.
fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Malformed> {
    // As many names as values: every field stands on one line.
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

/// Returns what follows the scheme `Bearer`, or `None` for no value or another scheme.
fn credentials(value: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    if value.is_empty() {
        return Ok(None);
    }
    // As nearly every client writes it.
    if let Some(token) = value.strip_prefix(b"Bearer ")
        && token.first().is_some_and(|byte| *byte != b' ')
    {
        return Ok(Some(token));
    }
    // A token without a scheme, or a scheme without credentials: whoever sent it meant to
    // authenticate, so it is not taken for an anonymous request.
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

/// Tells whether a proxy joined a `Bearer` line onto the line of another scheme.
fn hides_bearer(rest: &[u8]) -> bool {
    rest.split(|byte| *byte == b',').skip(1).any(|part| {
        let part = part.trim_ascii_start();
        part.get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"bearer "))
    })
}

/// A `b64token` ends in any number of `=` (RFC 6750 §2.1).
fn without_padding(bytes: &[u8]) -> &[u8] {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let end = bytes.len().saturating_sub(padding);
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
