//! A parsed JWT that is not trusted yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Claims;
use super::header::{Category, Header, Typ};
use crate::error::Reason;
use crate::token::TokenType;

/// A well-formed JWT of a known token type. Its signature has not been verified.
#[derive(Debug)]
pub(crate) struct UnverifiedJwt<'a> {
    pub(super) header: Header,
    pub(super) claims: Claims,
    pub(super) token_type: TokenType,
    /// Header and claims as they were signed.
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl<'a> UnverifiedJwt<'a> {
    /// Parses a token and determines its type.
    ///
    /// The decoder rejects padding, illegal characters and non-zero trailing bits, so that each token
    /// has exactly one spelling (RFC 7515 §2).
    pub(crate) fn parse(token: &'a str) -> Result<Self, Reason> {
        let (message, signature) = token.rsplit_once('.').ok_or(Reason::BadJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Reason::BadJwt)?;
        let header = header_bytes(header)
            .and_then(|text| Header::parse(&text))
            .ok_or(Reason::BadJwt)?;
        let claims = decode(claims)
            .and_then(Claims::parse)
            .ok_or(Reason::BadClaims)?;
        let signature = decode(signature).ok_or(Reason::BadJwt)?;
        let token_type = token_type(&header, &claims).ok_or(Reason::UnknownClass)?;
        Ok(Self {
            header,
            claims,
            token_type,
            message: message.as_bytes(),
            signature,
        })
    }

    pub(crate) const fn token_type(&self) -> TokenType {
        self.token_type
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(crate) fn subject(&self) -> &str {
        &self.claims.subject
    }
}

/// Determines the token type from `typ`, `sub` and `cat`, which have to agree.
///
/// Session tokens and JWT templates of the same instance carry a valid signature too. They are rejected
/// by their `cat`, or because a plain JWT has a user as its subject.
fn token_type(header: &Header, claims: &Claims) -> Option<TokenType> {
    let is_machine = claims.subject.starts_with("mch_");
    match (header.typ, header.cat) {
        (Typ::Jwt, Category::M2m | Category::Ignore | Category::Absent) if is_machine => {
            Some(TokenType::M2m)
        }
        (Typ::AccessToken, Category::Absent | Category::Ignore | Category::Unknown)
            if claims.subject.starts_with("user_") =>
        {
            Some(TokenType::OAuth)
        }
        _ => None,
    }
}

/// The maximum length of a header in base64url. Clerk's has 160 bytes.
const MAX_HEADER_LEN: usize = 1_024;

fn header_bytes(part: &str) -> Option<Vec<u8>> {
    (part.len() <= MAX_HEADER_LEN).then(|| decode(part))?
}

/// Decodes into exactly the memory that it takes: claims are kept as they are.
fn decode(part: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; part.len().saturating_mul(3) / 4];
    let len = URL_SAFE_NO_PAD.decode_slice(part, &mut bytes).ok()?;
    (len == bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const CATS: [(&str, Option<&str>); 6] = [
        ("m2m", Some("cl_B7d4PD333AAA")),
        ("ignore", Some("cl_I7d4PD111III")),
        ("absent", None),
        ("session", Some("cl_B7d4PD111AAA")),
        ("template", Some("cl_B7d4PD222AAA")),
        ("unknown", Some("cl_x")),
    ];

    fn token(typ: Option<&str>, cat: Option<&str>, sub: &str) -> String {
        let mut header = json!({"alg": "RS256"});
        for (name, value) in [("typ", typ), ("cat", cat)] {
            if let Some(value) = value {
                header[name] = json!(value);
            }
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.c2ln",
            part(&header),
            part(&json!({"sub": sub, "exp": 1}))
        )
    }

    fn class_of(typ: Option<&str>, cat: Option<&str>, sub: &str) -> Option<TokenType> {
        UnverifiedJwt::parse(&token(typ, cat, sub))
            .ok()
            .map(|jwt| jwt.token_type())
    }

    #[test]
    fn rule_3_and_6_typ_cat_and_sub_have_to_agree() {
        for (name, cat) in CATS {
            let m2m = matches!(name, "m2m" | "ignore" | "absent").then_some(TokenType::M2m);
            let oauth = matches!(name, "ignore" | "absent" | "unknown").then_some(TokenType::OAuth);
            for typ in [None, Some("JWT")] {
                assert_eq!(class_of(typ, cat, "mch_a"), m2m, "{typ:?} {name}");
                for sub in ["user_a", "org_a", "mch", "MCH_a", "xmch_a"] {
                    assert_eq!(class_of(typ, cat, sub), None, "{typ:?} {name} {sub}");
                }
            }
            for typ in ["at+jwt", "application/at+jwt"] {
                assert_eq!(class_of(Some(typ), cat, "user_a"), oauth, "{typ} {name}");
                for sub in ["mch_a", "org_a", "client_a"] {
                    assert_eq!(class_of(Some(typ), cat, sub), None, "{typ} {name} {sub}");
                }
            }
            assert_eq!(class_of(Some("other"), cat, "mch_a"), None);
        }
    }

    #[test]
    fn rule_6_base64url_is_canonical() {
        let good = token(None, None, "mch_a");
        assert!(UnverifiedJwt::parse(&good).is_ok());
        // The two low bits of the last character of a two-byte remainder are not data.
        for (end, ok) in [
            ("c2ln", true),
            ("c2lnQQ", true),
            ("c2lnQR", false),
            ("c2lnQQ==", false),
            ("c2l", false),
            ("c2lnQ", false),
            ("c2+n", false),
        ] {
            let token = good.replace("c2ln", end);
            assert_eq!(UnverifiedJwt::parse(&token).is_ok(), ok, "{end}");
        }
    }
}
