//! The requirements for a JWT: its signature and its claims.

use std::time::Duration;

use super::audience::Audience;
use super::claims::Claims;
use super::clients::Clients;
use super::header::Category;
use super::unverified::UnverifiedJwt;
use crate::error::Reason;
use crate::identity::{
    CustomClaims, Facts, M2mToken, MachineAuth, OAuthFacts, OAuthToken, TokenFormat, UnixMillis,
};
use crate::keys::KeySet;
use crate::scope::Scopes;
use crate::token::TokenType;

/// The requirements for a JWT beyond its signature.
#[derive(Debug, Clone, Default)]
pub(crate) struct JwtPolicy {
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) audience: Audience,
    pub(crate) clients: Clients,
    pub(crate) skew: Duration,
    /// The maximum of `exp - iat`, if there is one.
    pub(crate) max_lifetime: Option<Duration>,
    /// Rejects M2M tokens without `cat`, as Clerk issued them before 2026-05-27.
    pub(crate) require_cat: bool,
}

/// A JWT with a valid signature.
#[derive(Debug)]
pub(crate) struct Signed {
    claims: Claims,
    token_type: TokenType,
}

impl UnverifiedJwt<'_> {
    /// Verifies the signature with the keys that the token names.
    pub(crate) fn verify(self, keys: &KeySet) -> Result<Signed, Reason> {
        self.check_signature(keys)?;
        Ok(Signed {
            claims: self.claims,
            token_type: self.token_type,
        })
    }

    fn check_signature(&self, keys: &KeySet) -> Result<(), Reason> {
        let mut named = keys.find(self.kid()).peekable();
        if named.peek().is_none() {
            return Err(Reason::UnknownKey);
        }
        if named.any(|key| key.verifies(self.message, &self.signature)) {
            Ok(())
        } else {
            Err(Reason::BadSignature)
        }
    }

    /// Rejects a token without `cat` if the policy requires one, before any signature work.
    pub(crate) fn check_token_type(&self, policy: &JwtPolicy) -> Result<(), Reason> {
        let unmarked = self.header.cat == Category::Absent;
        if policy.require_cat && unmarked && self.token_type == TokenType::M2m {
            return Err(Reason::UnknownClass);
        }
        Ok(())
    }
}

impl Signed {
    /// Checks the claims and creates the identity.
    pub(crate) fn accept(self, policy: &JwtPolicy, now: Duration) -> Result<MachineAuth, Reason> {
        policy.check_times(&self.claims, now)?;
        policy.check_lifetime(&self.claims)?;
        policy.check_issuer(self.claims.issuer.as_deref())?;
        match self.token_type {
            TokenType::OAuth => {
                policy.audience.check(self.claims.audience.as_deref())?;
                policy.clients.check(self.claims.client_id.as_deref())?;
                oauth(self.claims)
            }
            _ => Ok(m2m(self.claims)),
        }
    }
}

impl JwtPolicy {
    /// Checks the times. A token is expired from `exp + skew` on, and not yet valid before `nbf - skew`
    /// or `iat - skew`.
    fn check_times(&self, claims: &Claims, now: Duration) -> Result<(), Reason> {
        let earliest = UnixMillis::from_duration(now.saturating_sub(self.skew));
        let latest = UnixMillis::from_duration(now.saturating_add(self.skew));
        if claims.expires_at <= earliest {
            return Err(Reason::Expired);
        }
        let future = |time: Option<UnixMillis>| time.is_some_and(|time| time > latest);
        if future(claims.not_before) || future(claims.issued_at) {
            return Err(Reason::NotYetValid);
        }
        Ok(())
    }

    /// Checks the lifetime. Without `iat`, the lifetime is unknown and the token is rejected.
    fn check_lifetime(&self, claims: &Claims) -> Result<(), Reason> {
        let Some(longest) = self.max_lifetime else {
            return Ok(());
        };
        let ends_in_time = |issued_at: UnixMillis| {
            claims.expires_at <= issued_at.plus(UnixMillis::from_duration(longest))
        };
        if claims.issued_at.is_some_and(ends_in_time) {
            Ok(())
        } else {
            Err(Reason::LifetimeTooLong)
        }
    }

    fn check_issuer(&self, issuer: Option<&str>) -> Result<(), Reason> {
        match &self.issuer {
            Some(expected) if issuer != Some(&**expected) => Err(Reason::WrongIssuer),
            _ => Ok(()),
        }
    }
}

fn m2m(mut claims: Claims) -> MachineAuth {
    // As in Clerk's SDKs, the machines in `aud` replace absent `scopes`.
    let scopes = claims
        .scopes
        .take()
        .or_else(|| claims.audience.take().map(Scopes::from_iter));
    let custom = claims.take_custom();
    MachineAuth::M2m(M2mToken::new(facts(claims, scopes, custom)))
}

fn oauth(mut claims: Claims) -> Result<MachineAuth, Reason> {
    let scopes = claims.oauth_scopes.take();
    let extra = OAuthFacts {
        client_id: claims.client_id.take(),
        org_id: claims.org_id.take(),
        audience: claims.audience.take().unwrap_or_default().into(),
        actor: claims.actor()?,
    };
    let custom = claims.take_oauth_custom();
    let token = OAuthToken::new(facts(claims, scopes, custom), extra);
    Ok(MachineAuth::OAuth(token))
}

fn facts(mut claims: Claims, scopes: Option<Scopes>, custom: Option<CustomClaims>) -> Facts {
    Facts {
        format: TokenFormat::Jwt,
        id: claims.id.take().unwrap_or_default(),
        subject: std::mem::take(&mut claims.subject),
        scopes: scopes.unwrap_or_default(),
        issued_at: claims.issued_at,
        expires_at: Some(claims.expires_at),
        claims: custom.map(Box::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn policy() -> JwtPolicy {
        JwtPolicy {
            skew: Duration::from_secs(5),
            ..JwtPolicy::default()
        }
    }

    fn accept(
        policy: &JwtPolicy,
        token_type: TokenType,
        extra: Value,
    ) -> Result<MachineAuth, Reason> {
        let subject = if token_type == TokenType::OAuth {
            "user_a"
        } else {
            "mch_a"
        };
        let mut members = json!({"sub": subject, "exp": 2000});
        members
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let claims = Claims::parse(members.to_string().into_bytes()).unwrap();
        Signed { claims, token_type }.accept(policy, Duration::from_secs(1000))
    }

    fn m2m(policy: &JwtPolicy, extra: Value) -> Result<MachineAuth, Reason> {
        accept(policy, TokenType::M2m, extra)
    }

    #[test]
    fn rule_6_time_boundaries_to_the_millisecond() {
        let p = policy();
        assert_eq!(m2m(&p, json!({"exp": 995})).unwrap_err(), Reason::Expired);
        assert!(m2m(&p, json!({"exp": 995.001})).is_ok());
        for claim in ["nbf", "iat"] {
            let with = |time: f64| m2m(&p, json!({ claim: time }));
            assert!(with(1005.0).is_ok());
            assert_eq!(with(1005.001).unwrap_err(), Reason::NotYetValid);
        }
    }

    #[test]
    fn rule_6_a_jwt_that_lives_longer_than_allowed_is_refused() {
        let p = JwtPolicy {
            max_lifetime: Some(Duration::from_secs(600)),
            ..policy()
        };
        let lives = |iat: Value, exp: u64| m2m(&p, json!({"iat": iat, "exp": exp}));
        assert!(lives(json!(900), 1500).is_ok());
        for (iat, exp) in [(json!(900), 1501), (json!(899.999), 1500)] {
            assert_eq!(lives(iat, exp).unwrap_err(), Reason::LifetimeTooLong);
        }
        let undated = m2m(&p, json!({"exp": 1001}));
        assert_eq!(undated.unwrap_err(), Reason::LifetimeTooLong);
        assert!(m2m(&policy(), json!({"exp": 1_000_000_000})).is_ok());
    }

    #[test]
    fn rule_6_a_known_issuer_has_to_match_exactly() {
        let p = JwtPolicy {
            issuer: Some("https://a.clerk.accounts.dev".into()),
            ..policy()
        };
        assert!(m2m(&p, json!({"iss": "https://a.clerk.accounts.dev"})).is_ok());
        for iss in [
            "https://a.clerk.accounts.dev/",
            "https://a.clerk.accounts.dev.evil.com",
            "",
        ] {
            assert_eq!(
                m2m(&p, json!({"iss": iss})).unwrap_err(),
                Reason::WrongIssuer,
                "{iss}"
            );
        }
        assert_eq!(m2m(&p, json!({})).unwrap_err(), Reason::WrongIssuer);
        assert!(m2m(&policy(), json!({"iss": "anything"})).is_ok());
    }

    #[test]
    fn rule_6_a_configured_audience_fails_closed_for_oauth() {
        let p = JwtPolicy {
            audience: Audience::new(["https://api"]),
            ..policy()
        };
        let oauth = |extra| accept(&p, TokenType::OAuth, extra);
        assert!(oauth(json!({"aud": "https://api"})).is_ok());
        assert!(oauth(json!({"aud": ["x", "https://api"]})).is_ok());
        for (extra, reason) in [
            (json!({}), Reason::NoAudience),
            (json!({"aud": []}), Reason::NoAudience),
            (json!({"aud": "https://api/"}), Reason::WrongAudience),
        ] {
            assert_eq!(oauth(extra).unwrap_err(), reason);
        }
    }

    #[test]
    fn an_m2m_token_keeps_its_custom_claims() {
        let auth = m2m(
            &policy(),
            json!({"jti": "mt_1", "iat": 900, "tenant": "t", "aud": ["mch_b"]}),
        )
        .unwrap();
        assert_eq!(
            (auth.id(), auth.subject(), auth.machine_id()),
            ("mt_1", "mch_a", Some("mch_a"))
        );
        assert_eq!(
            auth.raw_claims(),
            Some(&json!({"tenant": "t", "aud": ["mch_b"]}))
        );
        assert!(auth.scopes().contains("mch_b") && auth.user_id().is_none());
    }

    #[test]
    fn an_oauth_token_has_its_own_fields() {
        let extra =
            json!({"client_id": "c", "org_id": "org_1", "scope": "a b", "act": {"sub": "x"}});
        let auth = accept(&policy(), TokenType::OAuth, extra).unwrap();
        assert_eq!(
            (auth.client_id(), auth.org_id(), auth.user_id()),
            (Some("c"), Some("org_1"), Some("user_a"))
        );
        assert!(auth.has_scope("a") && auth.has_scope("b") && !auth.has_scope("a b"));
        assert_eq!(auth.raw_claims(), None, "each has an accessor of its own");
        let both = accept(
            &policy(),
            TokenType::OAuth,
            json!({"scp": ["c"], "scope": "a"}),
        )
        .unwrap();
        assert!(both.has_scope("c") && !both.has_scope("a"), "scp wins");
    }

    #[test]
    fn an_oauth_token_tells_its_audience_and_who_acts() {
        let token = |extra| accept(&policy(), TokenType::OAuth, extra);
        let act =
            json!({"sub": "agent_1", "client_id": "c_1", "act": {"sub": "user_b", "iss": "i"}});
        let auth = token(json!({"aud": ["https://a", "https://b"], "act": act})).unwrap();
        let MachineAuth::OAuth(oauth) = &auth else {
            panic!("{auth:?}")
        };
        let names: Vec<&str> = oauth.audience().iter().map(AsRef::as_ref).collect();
        assert_eq!(names, ["https://a", "https://b"]);
        let actor = oauth.actor().unwrap();
        assert_eq!(
            (actor.subject(), actor.client_id()),
            ("agent_1", Some("c_1"))
        );
        let inner = actor.inner().unwrap();
        assert_eq!((inner.subject(), inner.issuer()), ("user_b", Some("i")));
        assert!(inner.inner().is_none());
        let written = serde_json::to_value(&auth).unwrap();
        assert_eq!(written["aud"], json!(["https://a", "https://b"]));
        assert_eq!(written["act"], act);
        let plain = serde_json::to_value(token(json!({})).unwrap()).unwrap();
        assert!(plain.get("aud").is_none() && plain.get("act").is_none());
    }

    #[test]
    fn rule_6_an_actor_of_a_wrong_type_is_never_absent() {
        for act in [
            json!(null),
            json!("x"),
            json!([]),
            json!({}),
            json!({"sub": 1}),
            json!({"sub": "a", "act": "b"}),
            json!({"sub": "a", "act": {}}),
            json!({"sub": "a", "client_id": 1}),
        ] {
            let oauth = accept(&policy(), TokenType::OAuth, json!({ "act": act }));
            assert_eq!(oauth.unwrap_err(), Reason::BadClaims, "{act}");
            // A machine may choose this name for a claim of its own.
            assert!(m2m(&policy(), json!({ "act": act })).is_ok(), "{act}");
        }
    }
}
