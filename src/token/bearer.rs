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

/// A token in the alphabet of RFC 6750, no longer than the limit; borrowed from the request.
#[derive(Clone, Copy)]
pub(crate) struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// Takes a string as a token.
    pub(crate) fn parse(bytes: &'a [u8], max_len: usize) -> Result<Self, Malformed> {
        if bytes.len() > max_len {
            return Err(Malformed::TooLong);
        }
        if !is_b64token(bytes) {
            return Err(Malformed::Characters);
        }
        std::str::from_utf8(bytes)
            .map(Self)
            .map_err(|_| Malformed::Characters)
    }

    pub(crate) const fn as_str(self) -> &'a str {
        self.0
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
    /// Returns the token and the field it came from, or `None` where no token was sent.
    pub(crate) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(BearerToken<'a>, HeaderName)>, Malformed> {
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
    ) -> Result<Option<BearerToken<'a>>, Malformed> {
        let Some(value) = only_line(headers, &AUTHORIZATION)? else {
            return Ok(None);
        };
        match credentials(value)? {
            Some(token) => BearerToken::parse(token, self.max_len).map(Some),
            None => Ok(None),
        }
    }

    fn api_key<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<(BearerToken<'a>, HeaderName)>, Malformed> {
        let Some(name) = &self.api_key_header else {
            return Ok(None);
        };
        let Some(value) = only_line(headers, name)? else {
            return Ok(None);
        };
        let token = BearerToken::parse(value, self.max_len)?;
        Ok(Some((token, name.clone())))
    }
}

/// Returns the value of a field that stands on one line, `None` where it is absent.
fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Malformed> {
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

/// RFC 6750 §2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = bytes.len().saturating_sub(padding);
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    body > 0 && bytes.iter().take(body).all(alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const SOURCE: TokenSource = TokenSource {
        api_key_header: Some(HeaderName::from_static("x-api-key")),
        max_len: 16,
    };

    fn find(lines: &[(&'static str, &[u8])]) -> Result<Option<String>, Malformed> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        SOURCE
            .find(&headers)
            .map(|found| found.map(|(token, _)| token.as_str().to_owned()))
    }

    fn authorization(value: &[u8]) -> Result<Option<String>, Malformed> {
        find(&[("authorization", value)])
    }

    #[test]
    fn rule_1_one_bearer_token_is_taken() {
        for value in [
            "Bearer mt_a/+~.-_=",
            "bearer mt_a/+~.-_=",
            "BEARER   mt_a/+~.-_=",
        ] {
            assert_eq!(
                authorization(value.as_bytes()),
                Ok(Some("mt_a/+~.-_=".into())),
                "{value}"
            );
        }
        assert_eq!(find(&[("x-api-key", b"ak_1")]), Ok(Some("ak_1".into())));
        assert_eq!(
            find(&[("authorization", b"Basic dTpw"), ("x-api-key", b"ak_1")]),
            Ok(Some("ak_1".into()))
        );
    }

    #[test]
    fn rule_2_no_token_and_other_schemes() {
        assert_eq!(find(&[]), Ok(None));
        for value in [
            "",
            "Basic dTpw",
            "Digest a=\"b\", c=d",
            "Bearer2 x",
            "DPoP x",
        ] {
            assert_eq!(authorization(value.as_bytes()), Ok(None), "{value}");
        }
    }

    #[test]
    fn rule_1_anything_but_one_token_is_malformed() {
        use Malformed::*;
        let table: [(&[u8], Malformed); 18] = [
            (b"Bearer", NoCredentials),
            (b"Bearer ", NoCredentials),
            (b"mt_raw", NoCredentials),
            (b"Bearer\tmt_a", NoCredentials),
            (b"Bearer\tmt_a x", Characters),
            (b"Bearer \tmt_a", Characters),
            (b"Bearer: mt_a", Characters),
            (b" Bearer mt_a", Characters),
            (b"Bearer mt_a mt_b", Characters),
            (b"Bearer mt_a,", Characters),
            (b"Bearer a, Bearer b", Characters),
            (b"Bearer mt_a ", Characters),
            (b"Bearer m\xfft", Characters),
            (b"Bearer ===", Characters),
            (b"Bearer a=b", Characters),
            (b"Bearer \"mt_a\"", Characters),
            (b"Basic dTpw, bearer mt_a", SeveralTokens),
            (b"Bearer 0123456789abcdefg", TooLong),
        ];
        for (value, expected) in table {
            let shown = String::from_utf8_lossy(value);
            assert_eq!(authorization(value), Err(expected), "{shown}");
        }
        assert!(
            authorization(b"Bearer 0123456789abcdef").is_ok(),
            "the limit itself is allowed"
        );
    }

    #[test]
    fn rule_1_two_lines_or_two_sources_are_malformed() {
        let twice = [
            ("authorization", b"Bearer a".as_slice()),
            ("authorization", b"Bearer a"),
        ];
        assert_eq!(find(&twice), Err(Malformed::SeveralLines));
        let keys = [("x-api-key", b"ak_1".as_slice()), ("x-api-key", b"ak_1")];
        assert_eq!(find(&keys), Err(Malformed::SeveralLines));
        let both = [
            ("authorization", b"Bearer a".as_slice()),
            ("x-api-key", b"ak_1"),
        ];
        assert_eq!(find(&both), Err(Malformed::SeveralTokens));
        assert_eq!(find(&[("x-api-key", b"")]), Err(Malformed::Characters));
    }

    #[test]
    fn rule_1_every_byte_outside_the_alphabet_is_refused() {
        for byte in 0..=255_u8 {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            for token in [[byte, b'a', b'b'], [b'a', byte, b'b']] {
                assert_eq!(BearerToken::parse(&token, 16).is_ok(), allowed, "{byte:#x}");
            }
            let last = BearerToken::parse(&[b'a', byte], 16).is_ok();
            assert_eq!(last, allowed || byte == b'=', "{byte:#x} at the end");
        }
    }
}
