//! The claims of a JWT. Their JSON types are checked, but they are not trusted yet.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::checked::{Checked, Name, Names};
use super::values::{NumericDate, TextsLeft};
use crate::error::Reason;
use crate::identity::{Actor, CustomClaims, UnixMillis};
use crate::scope::Scopes;

/// Claims that Clerk writes itself. All others are the sender's.
const STRUCTURAL: [&str; 6] = ["iss", "sub", "exp", "nbf", "iat", "jti"];
/// The same for OAuth, and the claims that have accessors of their own.
const OAUTH_STRUCTURAL: [&str; 12] = [
    "iss",
    "sub",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "scp",
    "client_id",
    "org_id",
    "aud",
    "act",
];

/// The maximum number of claims, so that no token can cost much time before its signature is checked.
const MAX_CLAIMS: usize = 256;

/// Claims of the right types. A wrong type is an error, and never the same as an absent claim.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) subject: Box<str>,
    pub(super) expires_at: UnixMillis,
    pub(super) not_before: Option<UnixMillis>,
    pub(super) issued_at: Option<UnixMillis>,
    pub(super) issuer: Option<Box<str>>,
    pub(super) audience: Option<Vec<Box<str>>>,
    pub(super) id: Option<Box<str>>,
    pub(super) scopes: Option<Scopes>,
    pub(super) oauth_scopes: Option<Scopes>,
    pub(super) client_id: Option<Box<str>>,
    pub(super) org_id: Option<Box<str>>,
    /// The text of all claims, as received.
    text: Box<str>,
    has_actor: bool,
    has_custom: bool,
    has_oauth_custom: bool,
    /// `true` if a claim other than the above is more than a plain text or a literal.
    is_rich: bool,
}

impl Claims {
    /// Parses the claims. Returns `None` if one is missing or has a wrong type.
    ///
    /// A single pass over the text builds only the claims that decisions need. The contents of the
    /// others are checked after the signature: without one, a sender could send arbitrarily costly
    /// JSON.
    pub(super) fn parse(text: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(text).ok()?.into_boxed_str();
        let read: ClaimsRead = serde_json::from_str(&text).ok()?;
        let claims = Self {
            expires_at: read.expires_at?,
            oauth_scopes: read.scp.or(read.scope),
            text,
            ..read.claims
        };
        (!claims.subject.is_empty()).then_some(claims)
    }

    /// Returns `true` if the skipped values are legal JSON too, without duplicate members.
    pub(super) fn are_legal_within(&self) -> bool {
        !self.is_rich || serde_json::from_str::<Checked>(&self.text).is_ok()
    }

    /// Removes and returns the claims that the sender of an M2M token chose, if there are any.
    pub(super) fn take_custom(&mut self) -> Option<CustomClaims> {
        let text = std::mem::take(&mut self.text);
        self.has_custom
            .then(|| CustomClaims::of_text(text, &STRUCTURAL))
    }

    /// Parses who acts for the subject (RFC 8693 §4.1), after the signature was verified. Only in an
    /// OAuth token does `act` have to be an actor.
    pub(super) fn actor(&self) -> Result<Option<Box<Actor>>, Reason> {
        #[derive(Deserialize)]
        struct Acting {
            act: Box<Actor>,
        }
        if !self.has_actor {
            return Ok(None);
        }
        match serde_json::from_str::<Acting>(&self.text) {
            Ok(acting) => Ok(Some(acting.act)),
            Err(_) => Err(Reason::BadClaims),
        }
    }

    /// Removes and returns the claims of an OAuth token without accessors of their own, if there are
    /// any.
    pub(super) fn take_oauth_custom(&mut self) -> Option<CustomClaims> {
        let text = std::mem::take(&mut self.text);
        self.has_oauth_custom
            .then(|| CustomClaims::of_text(text, &OAUTH_STRUCTURAL))
    }
}

/// Claims while they are being parsed.
#[derive(Debug, Default)]
struct ClaimsRead {
    claims: Claims,
    expires_at: Option<UnixMillis>,
    /// Clerk writes `scp`, a list, or `scope`, a string. `scp` takes precedence.
    scp: Option<Scopes>,
    scope: Option<Scopes>,
    texts: TextsLeft,
}

impl ClaimsRead {
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, from: &mut A) -> Result<(), A::Error> {
        let claims = &mut self.claims;
        match name {
            "sub" => claims.subject = from.next_value()?,
            "exp" => self.expires_at = Some(from.next_value::<NumericDate>()?.0),
            "nbf" => claims.not_before = Some(from.next_value::<NumericDate>()?.0),
            "iat" => claims.issued_at = Some(from.next_value::<NumericDate>()?.0),
            "iss" => claims.issuer = Some(from.next_value()?),
            "aud" => claims.audience = Some(self.texts.list(from)?),
            "jti" => claims.id = Some(from.next_value()?),
            "scopes" => claims.scopes = Some(self.texts.scopes(from)?),
            "scp" => self.scp = Some(self.texts.scopes(from)?),
            "scope" => self.scope = Some(self.texts.scopes(from)?),
            "client_id" => claims.client_id = Some(from.next_value()?),
            "org_id" => claims.org_id = Some(from.next_value()?),
            _ => claims.is_rich |= !is_plain(from.next_value()?),
        }
        claims.has_actor |= name == "act";
        claims.has_custom |= !STRUCTURAL.contains(&name);
        claims.has_oauth_custom |= !OAUTH_STRUCTURAL.contains(&name);
        Ok(())
    }
}

/// Returns `true` for a text without escapes, `true`, `false` or `null`, which cannot contain anything
/// illegal.
fn is_plain(value: &RawValue) -> bool {
    let text = value.get();
    text.starts_with(['t', 'f', 'n']) || (text.starts_with('"') && !text.contains('\\'))
}

impl<'de> Deserialize<'de> for ClaimsRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = ClaimsRead;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of a JWT")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ClaimsRead, A::Error> {
        let (mut read, mut names) = (ClaimsRead::default(), Names::default());
        while let Some(name) = members.next_key::<Name<'_>>()? {
            if names.len() == MAX_CLAIMS {
                return Err(A::Error::custom("too many claims"));
            }
            read.read(name.as_str(), &mut members)?;
            names.add(name);
        }
        names.check()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(claims: Value) -> Option<Claims> {
        Claims::parse(claims.to_string().into_bytes())
    }

    #[test]
    fn rule_6_exp_and_sub_are_required() {
        assert!(parse(json!({"sub": "mch_a", "exp": 1})).is_some());
        assert!(parse(json!({"sub": "mch_a"})).is_none());
        assert!(parse(json!({"exp": 1})).is_none());
        assert!(parse(json!({"sub": "", "exp": 1})).is_none());
    }

    #[test]
    fn rule_6_a_wrong_type_is_never_absent() {
        let table = [
            ("sub", vec![json!(1), json!(null), json!([]), json!({})]),
            (
                "exp",
                vec![
                    json!("9"),
                    json!(null),
                    json!(true),
                    json!(-1),
                    json!([9]),
                    json!(1e300),
                    json!(253_402_300_801_u64),
                ],
            ),
            ("nbf", vec![json!("9"), json!(null), json!(-1)]),
            ("iat", vec![json!("9"), json!(null), json!({})]),
            ("iss", vec![json!(1), json!(null), json!(["x"])]),
            ("aud", vec![json!(123), json!(null), json!([1]), json!({})]),
            ("jti", vec![json!(1), json!(null)]),
            ("scopes", vec![json!(1), json!(null), json!({}), json!([1])]),
            ("scope", vec![json!(1), json!({})]),
            ("scp", vec![json!(1), json!([null])]),
            ("client_id", vec![json!(1), json!(null)]),
            ("org_id", vec![json!(1), json!([])]),
        ];
        for (name, values) in table {
            for value in values {
                let mut claims = json!({"sub": "mch_a", "exp": 1});
                claims[name] = value.clone();
                assert!(parse(claims).is_none(), "{name}: {value}");
            }
        }
    }

    #[test]
    fn rule_6_times_may_have_fractions() {
        let claims = parse(json!({"sub": "mch_a", "exp": 1.5, "iat": 0})).unwrap();
        assert_eq!(claims.expires_at, UnixMillis(1500));
        assert_eq!(claims.issued_at, Some(UnixMillis(0)));
    }

    #[test]
    fn structural_claims_are_left_out_of_the_custom_ones() {
        let custom = |claims| parse(claims).unwrap().take_custom();
        let with = custom(json!({"sub": "mch_a", "exp": 1, "tenant": "t"})).unwrap();
        assert_eq!(with, CustomClaims::of_text(r#"{"tenant":"t"}"#.into(), &[]));
        assert_eq!(custom(json!({"sub": "mch_a", "exp": 1})), None);
        let oauth = |claims| parse(claims).unwrap().take_oauth_custom();
        assert_eq!(
            oauth(json!({"sub": "user_a", "exp": 1, "scope": "a"})),
            None
        );
    }

    #[test]
    fn rule_6_duplicate_claims_are_refused() {
        for text in [
            r#"{"sub":"mch_a","exp":1,"exp":1}"#,
            r#"{"sub":"mch_a","exp":1,"\u0065xp":1}"#,
            r#"{"sub":"mch_a","exp":1,"a":1,"a":1}"#,
        ] {
            assert!(Claims::parse(text.as_bytes().to_vec()).is_none(), "{text}");
        }
    }

    #[test]
    fn rule_6_long_lists_and_many_claims_are_bounded() {
        let listed = |count: usize| parse(json!({"sub": "a", "exp": 1, "aud": vec!["a"; count]}));
        assert!(listed(256).is_some() && listed(257).is_none());
        let wide = |count: usize| {
            let claims = (0..count).map(|n| format!(",\"{n}\":0"));
            let text = format!(r#"{{"sub":"a","exp":1{}}}"#, claims.collect::<String>());
            Claims::parse(text.into_bytes())
        };
        assert!(wide(254).is_some() && wide(255).is_none());
    }

    #[test]
    fn rule_6_scopes_in_one_text_are_bounded_as_a_list_of_them_is() {
        for name in ["scope", "scp", "scopes"] {
            let listed = |parts: Vec<&str>| {
                parse(json!({"sub": "a", "exp": 1, name: parts.join(" ")})).is_some()
            };
            for part in ["a", ""] {
                assert!(listed(vec![part; 256]), "{name} {part:?}");
                assert!(!listed(vec![part; 257]), "{name} {part:?}");
            }
        }
    }

    #[test]
    fn rule_6_the_lists_of_one_token_share_one_bound() {
        let listed = |count: usize| {
            let list = vec!["a"; count];
            parse(
                json!({"sub": "a", "exp": 1, "aud": list, "scopes": list.join(" "), "scp": list, "scope": list}),
            )
        };
        assert!(listed(64).is_some() && listed(65).is_none());
    }

    #[test]
    fn rule_6_what_stands_within_other_claims_is_held_to_the_same_rules() {
        let is_legal = |value: &str| {
            let text = format!(r#"{{"sub":"mch_a","exp":1,"a":{value}}}"#);
            let claims = Claims::parse(text.into_bytes());
            claims.is_some_and(|claims| claims.are_legal_within())
        };
        for value in [
            r#"[{"b":1,"b":1}]"#,
            r#"{"b":{"c":1,"\u0063":1}}"#,
            r#""\ud800""#,
            "1e400",
            "\"\t\"",
            "[0",
            "[1,]",
            "nul",
            "01",
        ] {
            assert!(!is_legal(value), "{value}");
        }
        assert!(!is_legal(&format!(
            "{}{}",
            "[".repeat(200),
            "]".repeat(200)
        )));
        for value in [
            r#""text""#,
            r#""\u0041""#,
            "true",
            "null",
            "-1.5",
            r#"[{"b":1},{"b":1}]"#,
        ] {
            assert!(is_legal(value), "{value}");
        }
    }
}
