//! Writes an identity into header fields.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Reason;
use crate::identity::MachineAuth;
use crate::token::TokenType;

const USER: HeaderName = HeaderName::from_static("x-auth-request-user");
const TYPE: HeaderName = HeaderName::from_static("x-auth-request-type");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-auth-request-token-id");
const CLIENT: HeaderName = HeaderName::from_static("x-auth-request-client");
const ORG: HeaderName = HeaderName::from_static("x-auth-request-org");
const SCOPES: HeaderName = HeaderName::from_static("x-auth-request-scopes");

/// nginx reads an answer's header into one buffer of 4 or 8 KiB, a page, by default.
const MAX_BYTES: usize = 4_096;

/// Returns all fields of an identity, each empty where there is nothing to say.
pub(super) fn identity_headers(identity: Option<&MachineAuth>) -> Result<HeaderMap, Reason> {
    let text = |of: fn(&MachineAuth) -> Option<&str>| encoded(identity.and_then(of).unwrap_or(""));
    let fields = [
        (USER, text(|auth| Some(auth.subject()))),
        (TYPE, text(|auth| Some(type_name(auth.token_type())))),
        (TOKEN_ID, text(|auth| Some(auth.id()))),
        (CLIENT, text(MachineAuth::client_id)),
        (ORG, text(MachineAuth::org_id)),
        (SCOPES, identity.map(scopes).unwrap_or_default()),
    ];
    let lengths = fields
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    if lengths.fold(0, usize::saturating_add) > MAX_BYTES {
        return Err(Reason::IdentityTooLong);
    }
    let mut headers = HeaderMap::with_capacity(fields.len().saturating_add(2));
    for (name, value) in fields {
        let value = HeaderValue::try_from(value).map_err(|_| Reason::IdentityTooLong)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

const fn type_name(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::M2m => "m2m",
        TokenType::ApiKey => "api_key",
        TokenType::OAuth => "oauth",
    }
}

/// The scopes that decide, not those that a machine says that it has.
fn scopes(auth: &MachineAuth) -> String {
    let scopes = auth.granted_scopes().iter().map(encoded);
    scopes.collect::<Vec<_>>().join(" ")
}

/// Percent-encodes what is not visible ASCII, and `%` itself, so that it can be read back.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            // Nothing fails that is written to a string.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_what_is_not_visible_ascii_is_percent_encoded() {
        assert_eq!(encoded("mch_2xhF"), "mch_2xhF");
        assert_eq!(
            encoded("100% sure\r\nX: é"),
            "100%25%20sure%0D%0AX:%20%C3%A9"
        );
    }

    #[test]
    fn f2_without_an_identity_all_fields_are_there_and_empty() {
        let headers = identity_headers(None).unwrap();
        assert_eq!(headers.len(), 6);
        assert!(headers.values().all(HeaderValue::is_empty));
    }
}
