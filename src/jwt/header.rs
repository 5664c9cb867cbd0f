//! The protected header of a JWT, and what it may contain.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::checked::{Checker, Text};

/// Members that would change how the token is read, or which key is trusted.
///
/// `crit` and `b64` request extensions that this crate does not implement (RFC 7515 §4.1.11, RFC 7797
/// §7). The others provide a key of the sender's choice (RFC 8725 §3.10).
const REFUSED: [&str; 8] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"];

/// The maximum length of a `kid`. Clerk's is an instance identifier of 31 bytes.
const MAX_KID_LEN: usize = 256;

/// The token type according to `typ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typ {
    /// `JWT`, or no `typ` at all.
    Jwt,
    /// `at+jwt` or `application/at+jwt` (RFC 9068 §2.1).
    AccessToken,
}

impl Typ {
    fn parse(typ: &str) -> Option<Self> {
        match typ {
            "JWT" => Some(Self::Jwt),
            "at+jwt" | "application/at+jwt" => Some(Self::AccessToken),
            _ => None,
        }
    }
}

/// Clerk's own token type claim, `cat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Absent,
    M2m,
    /// The value that some instances write into tokens of every type. It is ignored.
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

/// A header that requests RS256 and nothing else.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kid: Option<Box<str>>,
    pub(super) typ: Typ,
    pub(super) cat: Category,
}

impl Header {
    /// Parses a header. Returns `None` if it contains a refused member.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let HeaderRead { header, is_rs256 } = serde_json::from_slice(text).ok()?;
        let kid_len = header.kid.as_ref().map_or(0, |kid| kid.len());
        (is_rs256 && kid_len <= MAX_KID_LEN).then_some(header)
    }
}

/// A header while it is being parsed.
struct HeaderRead {
    header: Header,
    is_rs256: bool,
}

/// What the name of a member stands for.
#[derive(Debug, Clone, Copy)]
enum Member {
    Alg,
    Kid,
    Typ,
    Cat,
    Refused,
    Other,
}

impl Member {
    fn of(name: &str) -> Self {
        match name {
            "alg" => Self::Alg,
            "kid" => Self::Kid,
            "typ" => Self::Typ,
            "cat" => Self::Cat,
            _ if REFUSED.contains(&name) => Self::Refused,
            _ => Self::Other,
        }
    }
}

impl HeaderRead {
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        checker: &mut Checker<'de>,
        member: Member,
        from: &mut A,
    ) -> Result<(), A::Error> {
        let refused = |what| Err(A::Error::custom(what));
        match member {
            Member::Alg => self.is_rs256 = from.next_value::<Text<'_>>()?.as_str() == "RS256",
            Member::Kid => self.header.kid = Some(from.next_value()?),
            Member::Typ => match Typ::parse(from.next_value::<Text<'_>>()?.as_str()) {
                Some(typ) => self.header.typ = typ,
                None => return refused("foreign type"),
            },
            Member::Cat => {
                self.header.cat = Category::parse(from.next_value::<Text<'_>>()?.as_str());
            }
            Member::Refused => return refused("refused member"),
            Member::Other => from.next_value_seed(checker)?,
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for HeaderRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = HeaderRead;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the header of a JWT")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<HeaderRead, A::Error> {
        let header = Header {
            kid: None,
            typ: Typ::Jwt,
            cat: Category::Absent,
        };
        let mut read = HeaderRead {
            header,
            is_rs256: false,
        };
        Checker::default().members(members, Member::of, |checker, member, from| {
            read.read(checker, member, from)
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(header: Value) -> Option<Header> {
        Header::parse(header.to_string().as_bytes())
    }

    #[test]
    fn rule_6_only_one_whole_object_is_read_and_nothing_is_named_twice() {
        for text in [
            "",
            "[]",
            "null",
            r#"{"alg":"RS256"}x"#,
            r#"{"alg":"RS256"} {}"#,
            "\u{feff}{\"alg\":\"RS256\"}",
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","\u0061lg":"RS256"}"#,
            r#"{"alg":"RS256","a":[{"b":1,"b":2}]}"#,
            r#"{"alg":"RS256","a":"\ud800"}"#,
        ] {
            assert!(Header::parse(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(Header::parse(b"{\"alg\":\"RS256\",\"a\":\"\xff\"}").is_none());
        assert!(Header::parse(br#"{"\u0061lg":"RS256"}"#).is_some());
        assert!(
            parse(json!({"alg": "RS256", "x": {"y": 1}})).is_some(),
            "others are passed over"
        );
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
