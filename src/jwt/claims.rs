//! The claims of a JWT with their JSON types checked, none of them believed yet.

use serde_json::{Map, Value};

use crate::identity::UnixMillis;
use crate::scope::Scopes;

/// Claims whose types are right; a wrong type is an error and never "absent".
#[derive(Debug)]
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
    members: Map<String, Value>,
}

impl Claims {
    /// Reads the claims, or nothing where one is missing or has a type of its own.
    pub(super) fn parse(members: Map<String, Value>) -> Option<Self> {
        let claims = Reader(&members);
        Some(Self {
            subject: claims.text("sub")?.filter(|subject| !subject.is_empty())?,
            expires_at: claims.time("exp")??,
            not_before: claims.time("nbf")?,
            issued_at: claims.time("iat")?,
            issuer: claims.text("iss")?,
            audience: claims.texts("aud")?,
            id: claims.text("jti")?,
            scopes: claims.scopes("scopes")?,
            oauth_scopes: claims.oauth_scopes()?,
            client_id: claims.text("client_id")?,
            org_id: claims.text("org_id")?,
            members,
        })
    }

    /// Returns the claims that are left without these, or nothing if none is.
    pub(super) fn without(self, structural: &[&str]) -> Option<Value> {
        let mut members = self.members;
        members.retain(|name, _| !structural.contains(&name.as_str()));
        (!members.is_empty()).then_some(Value::Object(members))
    }
}

/// Reads single claims: `None` is a wrong type, `Some(None)` an absent claim.
struct Reader<'a>(&'a Map<String, Value>);

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<Option<Box<str>>> {
        match self.0.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_str().into())),
            Some(_) => None,
        }
    }

    /// A string, or a list of strings.
    fn texts(&self, name: &str) -> Option<Option<Vec<Box<str>>>> {
        match self.0.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(vec![text.as_str().into()])),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(Box::from))
                .collect::<Option<_>>()
                .map(Some),
            Some(_) => None,
        }
    }

    /// A space-delimited list, or a list of strings.
    fn scopes(&self, name: &str) -> Option<Option<Scopes>> {
        match self.0.get(name) {
            Some(Value::String(list)) => Some(Some(Scopes::parse(list))),
            _ => Some(self.texts(name)?.map(Scopes::from_iter)),
        }
    }

    /// Clerk writes `scp`, a list, or `scope`, a string; `scp` wins.
    fn oauth_scopes(&self) -> Option<Option<Scopes>> {
        let (scp, scope) = (self.scopes("scp")?, self.scopes("scope")?);
        Some(scp.or(scope))
    }

    /// A NumericDate (RFC 7519 §2): seconds since the epoch, fractions allowed.
    fn time(&self, name: &str) -> Option<Option<UnixMillis>> {
        match self.0.get(name) {
            None => Some(None),
            Some(Value::Number(seconds)) => numeric_date(seconds).map(Some),
            Some(_) => None,
        }
    }
}

/// The latest time that is read, the end of the year 9999, as RFC 3339 has it.
const LATEST: f64 = 253_402_300_800.0;

fn numeric_date(seconds: &serde_json::Number) -> Option<UnixMillis> {
    let seconds = seconds
        .as_f64()
        .filter(|seconds| (0.0..=LATEST).contains(seconds))?;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .map(UnixMillis::from_duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(claims: Value) -> Option<Claims> {
        let Value::Object(members) = claims else {
            return None;
        };
        Claims::parse(members)
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
        let claims = || parse(json!({"sub": "mch_a", "exp": 1, "tenant": "t"})).unwrap();
        assert_eq!(
            claims().without(&["sub", "exp"]),
            Some(json!({"tenant": "t"}))
        );
        assert_eq!(claims().without(&["sub", "exp", "tenant"]), None);
    }
}
