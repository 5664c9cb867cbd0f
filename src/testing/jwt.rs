//! Creates and parses the JWTs that Clerk issues.

use serde_json::{Map, Value, json};

use super::ids;
use super::options::JwtCategory;
use super::state::State;
use super::state::tokens::OAuthDetail;

/// Ten years in milliseconds: the longest default time-to-live that a machine may have.
const LONGEST: u64 = 315_360_000_000;

/// A JWT before it is signed; times are Unix milliseconds.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) expires_at: u64,
}

/// An M2M JWT that was read back.
pub(super) struct M2mJwtRead {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) issued_at: u64,
    pub(super) expires_at: u64,
    /// What is left without the claims that every JWT has.
    pub(super) claims: Map<String, Value>,
}

/// Three parts, as a JWT has.
pub(super) fn is_jwt(token: &str) -> bool {
    token.split('.').filter(|part| !part.is_empty()).count() == 3
}

/// The header and claims of an M2M JWT; the claims that every JWT has win over custom ones.
pub(super) fn m2m(
    state: &State,
    machine: &str,
    expires_at: Option<u64>,
    custom: Map<String, Value>,
    now: u64,
) -> Parts {
    let id = ids::hex_id("mt");
    let exp = expires_at.unwrap_or(now.saturating_add(LONGEST)) / 1000;
    let mut claims = custom;
    claims.insert("jti".to_owned(), json!(id));
    claims.insert("sub".to_owned(), json!(machine));
    claims.insert("iat".to_owned(), json!(now / 1000));
    claims.insert("exp".to_owned(), json!(exp));
    claims.insert("iss".to_owned(), json!(state.instance.issuer));
    let header = header(state, "JWT", state.options.jwt_category.value());
    Parts {
        id,
        header,
        claims: Value::Object(claims),
        expires_at: exp.saturating_mul(1000),
    }
}

/// The header and claims of an OAuth access token (RFC 9068).
pub(super) fn oauth(
    state: &State,
    user: &str,
    detail: &OAuthDetail,
    expires_at: u64,
    now: u64,
) -> Parts {
    let id = ids::hex_id("oat");
    let mut claims = json!({
        "jti": id,
        "iss": state.instance.issuer,
        "sub": user,
        "client_id": detail.client_id,
        "iat": now / 1000,
        "nbf": now / 1000,
        "exp": expires_at / 1000,
        "scope": detail.scopes.join(" "),
    });
    for (name, value) in [("aud", &detail.audience), ("act", &detail.actor)] {
        if !value.is_null() {
            claims[name] = value.clone();
        }
    }
    Parts {
        id,
        header: header(state, "at+jwt", None),
        claims,
        expires_at,
    }
}

/// The header of a JWT that the current key signs.
pub(super) fn header(state: &State, typ: &str, category: Option<&str>) -> Value {
    let mut header = json!({ "alg": "RS256", "kid": state.keys.current().kid, "typ": typ });
    if let Some(category) = category {
        header["cat"] = json!(category);
    }
    header
}

/// Reads a genuine M2M JWT of this instance, expired or not.
pub(super) fn read_m2m(state: &State, token: &str) -> Option<M2mJwtRead> {
    let (header, claims) = state.keys.read(token)?;
    let category = header
        .get("cat")
        .map(|cat| cat.as_str().unwrap_or_default());
    let good = [JwtCategory::M2m, JwtCategory::Ignore, JwtCategory::Absent];
    if !good.iter().any(|good| good.value() == category) {
        return None;
    }
    let Value::Object(mut claims) = claims else {
        return None;
    };
    let mut text = |name: &str| Some(claims.remove(name)?.as_str()?.to_owned());
    let (id, subject) = (text("jti")?, text("sub")?);
    let mut millis = |name: &str| Some(claims.remove(name)?.as_u64()?.saturating_mul(1000));
    let (issued_at, expires_at) = (millis("iat")?, millis("exp")?);
    claims.remove("iss");
    claims.remove("nbf");
    Some(M2mJwtRead {
        id,
        subject,
        issued_at,
        expires_at,
        claims,
    })
}
