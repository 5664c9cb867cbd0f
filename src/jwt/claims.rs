//! The claims of a JWT. Their JSON types are checked, but they are not trusted yet.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::checked::Checker;
use super::values::NumericDate;
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

/// The maximum number of escapes in the claims of a token: a token of 8 KiB has room for about as many
/// `\u` escapes.
///
/// An escape takes about 90 instructions. Claims of nothing but `\n` would take 268 000, where the
/// signature takes 292 000.
const MAX_ESCAPES: usize = 1_024;

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
}

impl Claims {
    /// Parses the claims. Returns `None` if one is missing or has a wrong type.
    ///
    /// A single pass over the text builds only the claims that decisions need, and checks the others.
    /// It runs before the signature is verified, so the numbers of values and escapes are bounded.
    pub(super) fn parse(text: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(text).ok()?.into_boxed_str();
        if text.matches('\\').nth(MAX_ESCAPES).is_some() {
            return None;
        }
        let read: ClaimsRead = serde_json::from_str(&text).ok()?;
        let claims = Self {
            expires_at: read.expires_at?,
            oauth_scopes: read.scp.or(read.scope),
            text,
            ..read.claims
        };
        (!claims.subject.is_empty()).then_some(claims)
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
}

/// What the name of a claim stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Subject,
    ExpiresAt,
    NotBefore,
    IssuedAt,
    Issuer,
    Id,
    Audience,
    Scp,
    Scope,
    ClientId,
    OrgId,
    Actor,
    Scopes,
    Other,
}

impl Claim {
    fn of(name: &str) -> Self {
        match name {
            "sub" => Self::Subject,
            "exp" => Self::ExpiresAt,
            "nbf" => Self::NotBefore,
            "iat" => Self::IssuedAt,
            "iss" => Self::Issuer,
            "jti" => Self::Id,
            "aud" => Self::Audience,
            "scp" => Self::Scp,
            "scope" => Self::Scope,
            "client_id" => Self::ClientId,
            "org_id" => Self::OrgId,
            "act" => Self::Actor,
            "scopes" => Self::Scopes,
            _ => Self::Other,
        }
    }

    /// Returns `true` for a claim of [`STRUCTURAL`].
    const fn is_structural(self) -> bool {
        use Claim::{ExpiresAt, Id, IssuedAt, Issuer, NotBefore, Subject};
        matches!(
            self,
            Subject | ExpiresAt | NotBefore | IssuedAt | Issuer | Id
        )
    }

    /// Returns `true` for a claim of [`OAUTH_STRUCTURAL`].
    const fn is_oauth_structural(self) -> bool {
        !matches!(self, Self::Scopes | Self::Other)
    }
}

impl ClaimsRead {
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        checker: &mut Checker<'de>,
        claim: Claim,
        from: &mut A,
    ) -> Result<(), A::Error> {
        let claims = &mut self.claims;
        claims.has_actor |= claim == Claim::Actor;
        claims.has_custom |= !claim.is_structural();
        claims.has_oauth_custom |= !claim.is_oauth_structural();
        match claim {
            Claim::Subject => claims.subject = from.next_value()?,
            Claim::ExpiresAt => self.expires_at = Some(from.next_value::<NumericDate>()?.0),
            Claim::NotBefore => claims.not_before = Some(from.next_value::<NumericDate>()?.0),
            Claim::IssuedAt => claims.issued_at = Some(from.next_value::<NumericDate>()?.0),
            Claim::Issuer => claims.issuer = Some(from.next_value()?),
            Claim::Id => claims.id = Some(from.next_value()?),
            Claim::Audience => claims.audience = Some(checker.list(from)?),
            Claim::Scp => self.scp = Some(checker.scopes(from)?),
            Claim::Scope => self.scope = Some(checker.scopes(from)?),
            Claim::ClientId => claims.client_id = Some(from.next_value()?),
            Claim::OrgId => claims.org_id = Some(from.next_value()?),
            Claim::Scopes => claims.scopes = Some(checker.scopes(from)?),
            Claim::Actor | Claim::Other => from.next_value_seed(checker)?,
        }
        Ok(())
    }
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

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<ClaimsRead, A::Error> {
        let mut read = ClaimsRead::default();
        Checker::default().members(members, Claim::of, |checker, claim, from| {
            read.read(checker, claim, from)
        })?;
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
    fn rule_6_all_claims_together_hold_a_bounded_number_of_values() {
        let listed = |count: usize| parse(json!({"sub": "a", "exp": 1, "aud": vec!["a"; count]}));
        assert!(listed(253).is_some() && listed(254).is_none());
        let wide = |count: usize| {
            let claims = (0..count).map(|n| format!(",\"{n}\":0"));
            let text = format!(r#"{{"sub":"a","exp":1{}}}"#, claims.collect::<String>());
            Claims::parse(text.into_bytes())
        };
        assert!(wide(254).is_some() && wide(255).is_none());
        for (before, value, after) in [
            ("[0", ",0", "]"),
            ("[[]", ",{}", "]"),
            ("[0", ",{\"\":0}", "]"),
        ] {
            let held = |count: usize| {
                let text = format!("{before}{}{after}", value.repeat(count));
                Claims::parse(format!(r#"{{"sub":"a","exp":1,"x":{text}}}"#).into_bytes()).is_some()
            };
            // Beside `sub`, `exp`, `x` and its first item; an object counts, and so does its member.
            let most = 252 / value.matches(['0', '{']).count();
            assert!(held(most) && !held(most + 1), "{value}");
        }
    }

    #[test]
    fn rule_6_scopes_in_one_text_are_bounded_as_a_list_of_them_is() {
        for name in ["scope", "scp", "scopes"] {
            let listed = |parts: Vec<&str>| {
                parse(json!({"sub": "a", "exp": 1, name: parts.join(" ")})).is_some()
            };
            for part in ["a", ""] {
                assert!(listed(vec![part; 254]), "{name} {part:?}");
                assert!(!listed(vec![part; 255]), "{name} {part:?}");
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
        assert!(listed(62).is_some() && listed(63).is_none());
    }

    #[test]
    fn rule_6_what_stands_within_other_claims_is_held_to_the_same_rules() {
        let is_legal = |value: &str| {
            let text = format!(r#"{{"sub":"mch_a","exp":1,"a":{value}}}"#);
            Claims::parse(text.into_bytes()).is_some()
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

    #[test]
    fn claims_with_a_place_of_their_own_are_left_out_of_the_custom_ones() {
        let names = [
            "sub",
            "exp",
            "nbf",
            "iat",
            "iss",
            "jti",
            "aud",
            "scp",
            "scope",
            "client_id",
        ];
        for name in names
            .into_iter()
            .chain(["org_id", "act", "scopes", "tenant"])
        {
            let claim = Claim::of(name);
            assert_eq!(claim.is_structural(), STRUCTURAL.contains(&name), "{name}");
            assert_eq!(
                claim.is_oauth_structural(),
                OAUTH_STRUCTURAL.contains(&name),
                "{name}"
            );
        }
    }

    #[test]
    fn rule_6_escapes_are_bounded() {
        let escaped = |count: usize| {
            let text = format!(r#"{{"sub":"a","exp":1,"x":"{}"}}"#, "\\n".repeat(count));
            Claims::parse(text.into_bytes()).is_some()
        };
        assert!(escaped(1_024) && !escaped(1_025));
    }
}
