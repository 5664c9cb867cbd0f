//! The protected header of a JWT, and what it may hold.

use serde_json::{Map, Value};

/// Members that would change how the token must be read or which key is trusted.
///
/// `crit` and `b64` ask for extensions that this crate does not implement (RFC 7515 §4.1.11,
/// RFC 7797 §7); the others bring a key of the sender's choice (RFC 8725 §3.10).
const REFUSED: [&str; 8] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"];

/// The longest `kid` that is looked up; Clerk's is an instance identifier of 31 bytes.
const MAX_KID_LEN: usize = 256;

/// What the header says of the token's class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typ {
    /// `JWT`, or no `typ` at all.
    Jwt,
    /// `at+jwt` or `application/at+jwt` (RFC 9068 §2.1).
    AccessToken,
}

/// Clerk's own class mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Absent,
    M2m,
    /// The value that some instances stamp on every class: says nothing.
    Ignore,
    /// A session token or a JWT template.
    Session,
    Unknown,
}

impl Category {
    fn parse(cat: &str) -> Self {
        match cat {
            "cl_B7d4PD333AAA" => Self::M2m,
            "cl_I7d4PD111III" => Self::Ignore,
            "cl_B7d4PD111AAA" | "cl_B7d4PD222AAA" => Self::Session,
            _ => Self::Unknown,
        }
    }
}

/// A header that asks for nothing but RS256.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kid: Option<Box<str>>,
    pub(super) typ: Typ,
    pub(super) cat: Category,
}

impl Header {
    /// Reads a header, or nothing where it holds what is refused.
    pub(super) fn parse(members: &Map<String, Value>) -> Option<Self> {
        if REFUSED.iter().any(|name| members.contains_key(*name)) {
            return None;
        }
        if members.get("alg")? != "RS256" {
            return None;
        }
        Some(Self {
            kid: kid(members)?,
            typ: typ(members)?,
            cat: cat(members)?,
        })
    }
}

fn kid(members: &Map<String, Value>) -> Option<Option<Box<str>>> {
    match members.get("kid") {
        None => Some(None),
        Some(Value::String(kid)) if kid.len() <= MAX_KID_LEN => Some(Some(kid.as_str().into())),
        Some(_) => None,
    }
}

fn typ(members: &Map<String, Value>) -> Option<Typ> {
    match members.get("typ") {
        None => Some(Typ::Jwt),
        Some(Value::String(typ)) => match typ.as_str() {
            "JWT" => Some(Typ::Jwt),
            "at+jwt" | "application/at+jwt" => Some(Typ::AccessToken),
            _ => None,
        },
        Some(_) => None,
    }
}

fn cat(members: &Map<String, Value>) -> Option<Category> {
    match members.get("cat") {
        None => Some(Category::Absent),
        Some(Value::String(cat)) => Some(Category::parse(cat)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(header: Value) -> Option<Header> {
        Header::parse(header.as_object().unwrap())
    }

    #[test]
    fn rule_6_only_rs256_is_taken() {
        assert!(parse(json!({"alg": "RS256"})).is_some());
        for alg in [
            json!("HS256"),
            json!("none"),
            json!("nOnE"),
            json!("rs256"),
            json!("RS512"),
            json!("PS256"),
            json!("ES256"),
            json!(["RS256"]),
            json!(null),
            json!(""),
        ] {
            assert!(parse(json!({"alg": alg})).is_none(), "{alg}");
        }
        assert!(parse(json!({})).is_none());
    }

    #[test]
    fn rule_6_extensions_and_embedded_keys_are_refused() {
        for name in REFUSED {
            for value in [
                json!(null),
                json!([]),
                json!(["exp"]),
                json!(true),
                json!("https://h"),
            ] {
                let mut header = json!({"alg": "RS256"});
                header[name] = value;
                assert!(parse(header).is_none(), "{name}");
            }
        }
    }

    #[test]
    fn rule_3_typ_is_matched_exactly() {
        let typ = |typ| parse(json!({"alg": "RS256", "typ": typ})).map(|header| header.typ);
        assert_eq!(typ(json!("JWT")), Some(Typ::Jwt));
        assert_eq!(typ(json!("at+jwt")), Some(Typ::AccessToken));
        assert_eq!(typ(json!("application/at+jwt")), Some(Typ::AccessToken));
        for other in [
            json!("jwt"),
            json!("AT+JWT"),
            json!("JWE"),
            json!(""),
            json!(1),
            json!(null),
        ] {
            assert_eq!(typ(other), None);
        }
    }

    #[test]
    fn rule_6_kid_and_cat_have_to_be_text() {
        for name in ["kid", "cat"] {
            for value in [json!(1), json!(null), json!(["a"]), json!({})] {
                let mut header = json!({"alg": "RS256"});
                header[name] = value;
                assert!(parse(header).is_none(), "{name}");
            }
        }
        assert!(parse(json!({"alg": "RS256", "kid": "k".repeat(257)})).is_none());
        assert!(parse(json!({"alg": "RS256", "kid": "k".repeat(256)})).is_some());
    }
}
