//! Recognizes tokens that are certainly not machine tokens (rule 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::bearer::BearerToken;
use super::classify::{Format, classify};

/// Clerk's prefixes, in any letter case: a misspelled machine token is an invalid one.
const PREFIXES: [&str; 3] = ["mt_", "ak_", "oat_"];

/// Returns `true` for a token that neither is nor resembles a machine token.
///
/// # Security
///
/// Returns `false` for ambiguous tokens, so that they are rejected. A JWT that cannot be parsed, or that
/// has a single property of a machine token, may be an invalid machine token.
pub(crate) fn is_other_token(token: BearerToken<'_>) -> bool {
    let text = token.as_str();
    if PREFIXES.iter().any(|prefix| starts_with(text, prefix)) {
        return false;
    }
    match classify(token) {
        Some(Format::Jwt) => is_other_jwt(text).unwrap_or(false),
        Some(Format::Opaque(_)) => false,
        None => true,
    }
}

/// Returns `None` for a JWT that cannot be parsed.
fn is_other_jwt(token: &str) -> Option<bool> {
    let mut parts = token.split('.');
    let (header, claims) = (object(parts.next()?)?, object(parts.next()?)?);
    let text = |object: &Map<String, Value>, name: &str| match object.get(name) {
        None => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    };
    let (typ, cat, subject) = (
        text(&header, "typ")?,
        text(&header, "cat")?,
        text(&claims, "sub")?,
    );
    let is_machine = typ.to_ascii_lowercase().contains("at+jwt")
        || cat == "cl_B7d4PD333AAA"
        || starts_with(&subject, "mch_");
    Some(!is_machine)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn starts_with(text: &str, prefix: &str) -> bool {
    let start = text.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::RawToken;
    use serde_json::json;

    fn is_other(token: &str) -> bool {
        let token = RawToken::new(token.as_bytes(), 1_000).and_then(RawToken::parse);
        is_other_token(token.unwrap())
    }

    fn jwt(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn rule_2_a_token_that_resembles_a_machine_token_is_no_other_token() {
        for token in [
            "mt_0123456789",
            "MT_0123456789",
            "ak_x",
            "Ak_0123456789",
            "oat_",
            "OAT_0123456789",
            "mt_a.b.c",
            "a.b.c",
            "eyJh.eyJz.c2ln",
        ] {
            assert!(!is_other(token), "{token}");
        }
        let user = json!({"sub": "user_a"});
        for (header, claims) in [
            (json!({"typ": "at+jwt"}), &user),
            (json!({"typ": "Application/AT+JWT"}), &user),
            (json!({"cat": "cl_B7d4PD333AAA"}), &user),
            (json!({"typ": "JWT"}), &json!({"sub": "mch_a"})),
            (json!({"typ": "JWT"}), &json!({"sub": "MCH_a"})),
            (json!({"typ": 1}), &user),
            (json!({"typ": "JWT"}), &json!({"sub": ["mch_a"]})),
            (json!([]), &user),
            (json!({}), &json!("user_a")),
        ] {
            assert!(!is_other(&jwt(&header, claims)), "{header} {claims}");
        }
    }

    #[test]
    fn rule_2_session_tokens_and_those_of_others_are_other_tokens() {
        for token in [
            "0123456789abcdef",
            "x",
            "ghp_0123456789",
            "sess_01",
            "a.b",
            "a.b.c.d",
        ] {
            assert!(is_other(token), "{token}");
        }
        for (header, claims) in [
            (
                json!({"alg": "RS256", "typ": "JWT", "cat": "cl_B7d4PD111AAA"}),
                json!({"sub": "user_a"}),
            ),
            (
                json!({"alg": "ES256"}),
                json!({"sub": "somebody", "iss": "https://a.example"}),
            ),
            (json!({}), json!({})),
        ] {
            assert!(is_other(&jwt(&header, &claims)), "{header} {claims}");
        }
    }
}
