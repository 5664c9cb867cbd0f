//! Converts Clerk's response to an identity, or to the reason of a rejection.

use serde::Deserialize;

use crate::backend::{ApiKeyAnswer, OAuthAnswer, TokenAnswer, is_inactive};
use crate::error::Reason;
use crate::identity::{
    ApiKey, CustomClaims, Facts, M2mToken, MachineAuth, OAuthFacts, OAuthToken, TokenFormat,
    UnixMillis,
};
use crate::jwt::{Audience, Checked, Clients};
use crate::token::TokenType;

/// The requirements for a response beyond its documented form.
#[derive(Debug, Clone)]
pub(crate) struct OpaquePolicy {
    /// The subjects that an API key may have, as prefixes.
    pub(crate) api_key_subjects: Vec<Box<str>>,
    pub(crate) audience: Audience,
    pub(crate) clients: Clients,
}

impl OpaquePolicy {
    /// Parses the body of a 200.
    pub(crate) fn read(
        &self,
        token_type: TokenType,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<MachineAuth, Reason> {
        if is_inactive(body) {
            return Err(Reason::UnknownToken);
        }
        let answer = TokenAnswer::read(token_type, body).map_err(|_| Reason::UpstreamAnswer)?;
        let facts = facts(answer, now)?;
        match token_type {
            TokenType::M2m => m2m(facts),
            TokenType::ApiKey => self.api_key(read(body)?, facts),
            TokenType::OAuth => self.oauth(read(body)?, facts),
        }
    }

    fn api_key(&self, answer: ApiKeyAnswer, facts: Facts) -> Result<MachineAuth, Reason> {
        if *answer.key_type != *"api_key" {
            return Err(Reason::UnknownClass);
        }
        let mut prefixes = self.api_key_subjects.iter();
        if !prefixes.any(|prefix| facts.subject.starts_with(&**prefix)) {
            return Err(Reason::UnknownClass);
        }
        Ok(MachineAuth::ApiKey(ApiKey::new(facts, answer.name)))
    }

    fn oauth(&self, answer: OAuthAnswer, facts: Facts) -> Result<MachineAuth, Reason> {
        if !facts.subject.starts_with("user_") {
            return Err(Reason::UnknownClass);
        }
        self.audience.check(answer.audience.as_deref())?;
        self.clients.check(answer.client_id.as_deref())?;
        let extra = OAuthFacts {
            client_id: answer.client_id,
            org_id: answer.org_id,
            audience: answer.audience.unwrap_or_default().into(),
            actor: answer.actor,
        };
        Ok(MachineAuth::OAuth(OAuthToken::new(facts, extra)))
    }
}

fn m2m(facts: Facts) -> Result<MachineAuth, Reason> {
    if !facts.subject.starts_with("mch_") {
        return Err(Reason::UnknownClass);
    }
    Ok(MachineAuth::M2m(M2mToken::new(facts)))
}

fn facts(answer: TokenAnswer<'_>, now: UnixMillis) -> Result<Facts, Reason> {
    if answer.revoked {
        return Err(Reason::UnknownToken);
    }
    if answer.expired || answer.expiration.is_some_and(|end| end <= now) {
        return Err(Reason::Expired);
    }
    Ok(Facts {
        format: TokenFormat::Opaque,
        issued_at: answer.created_at(),
        claims: claims(&answer)?.map(Box::new),
        id: answer.id,
        subject: answer.subject,
        scopes: answer.scopes,
        expires_at: answer.expiration,
    })
}

/// Returns the claims as text after checking that they are legal JSON.
fn claims(answer: &TokenAnswer<'_>) -> Result<Option<CustomClaims>, Reason> {
    let Some(claims) = answer.claims else {
        return Ok(None);
    };
    read::<Checked>(claims.get().as_bytes())?;
    Ok(Some(CustomClaims::of_text(claims.get().into(), &[])))
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Reason> {
    serde_json::from_slice(json).map_err(|_| Reason::UpstreamAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::object;
    use serde_json::{Value, json};

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const LATER: u64 = 1_800_000_001_000;

    fn policy() -> OpaquePolicy {
        OpaquePolicy {
            api_key_subjects: vec!["user_".into(), "org_".into()],
            audience: Audience::default(),
            clients: Clients::default(),
        }
    }

    fn good(token_type: TokenType) -> Value {
        let subject = match token_type {
            TokenType::M2m => "mch_a",
            TokenType::ApiKey | TokenType::OAuth => "user_a",
        };
        json!({
            "object": object(token_type), "id": "x_1", "subject": subject, "scopes": ["a"],
            "type": "api_key", "revoked": false, "expired": false, "expiration": LATER,
        })
    }

    fn read(token_type: TokenType, body: &Value) -> Result<MachineAuth, Reason> {
        policy().read(token_type, body.to_string().as_bytes(), NOW)
    }

    fn with(token_type: TokenType, name: &str, value: Value) -> Result<MachineAuth, Reason> {
        let mut body = good(token_type);
        body[name] = value;
        read(token_type, &body)
    }

    #[test]
    fn rule_8_a_200_that_says_no_is_a_bad_token() {
        for token_type in TokenType::ALL {
            assert!(read(token_type, &good(token_type)).is_ok(), "{token_type}");
            for (name, value, reason) in [
                ("revoked", json!(true), Reason::UnknownToken),
                ("expired", json!(true), Reason::Expired),
                ("active", json!(false), Reason::UnknownToken),
                ("expiration", json!(NOW.0), Reason::Expired),
                ("subject", json!("client_a"), Reason::UnknownClass),
            ] {
                let shown = format!("{token_type} {name} {value}");
                assert_eq!(with(token_type, name, value), Err(reason), "{shown}");
            }
            let inactive = json!({"active": false});
            assert_eq!(read(token_type, &inactive), Err(Reason::UnknownToken));
        }
        let machine = with(TokenType::ApiKey, "subject", json!("mch_a"));
        assert_eq!(machine, Err(Reason::UnknownClass));
        let other = with(TokenType::ApiKey, "type", json!("machine_secret"));
        assert_eq!(other, Err(Reason::UnknownClass));
    }

    #[test]
    fn rule_8_a_200_without_what_a_decision_needs_is_a_broken_upstream() {
        for token_type in TokenType::ALL {
            let needed = [
                "object",
                "id",
                "subject",
                "revoked",
                "expired",
                "expiration",
            ];
            let own = (token_type == TokenType::ApiKey).then_some("type");
            for name in needed.into_iter().chain(own) {
                let mut body = good(token_type);
                body.as_object_mut().unwrap().remove(name);
                assert_eq!(
                    read(token_type, &body),
                    Err(Reason::UpstreamAnswer),
                    "{token_type} {name}"
                );
                assert_eq!(
                    with(token_type, name, json!([1])),
                    Err(Reason::UpstreamAnswer),
                    "{name}"
                );
            }
            for broken in [json!([]), json!("x"), json!(null), json!({})] {
                assert_eq!(
                    read(token_type, &broken),
                    Err(Reason::UpstreamAnswer),
                    "{broken}"
                );
            }
            assert_eq!(
                with(token_type, "object", json!("session")),
                Err(Reason::UpstreamAnswer)
            );
            for scopes in [
                json!([1]),
                json!("a"),
                json!(null),
                json!({"a": true}),
                json!(1),
            ] {
                let shown = format!("{token_type} {scopes}");
                let read = with(token_type, "scopes", scopes);
                assert_eq!(read, Err(Reason::UpstreamAnswer), "{shown}");
            }
            for id in [json!(""), json!(null)] {
                assert_eq!(with(token_type, "id", id), Err(Reason::UpstreamAnswer));
            }
        }
        let twice =
            good(TokenType::M2m)
                .to_string()
                .replacen('{', r#"{"active":false,"active":true,"#, 1);
        for body in ["", "<html>", "{\"object\":", &twice] {
            let read = policy().read(TokenType::M2m, body.as_bytes(), NOW);
            assert_eq!(read, Err(Reason::UpstreamAnswer), "{body}");
        }
    }

    #[test]
    fn rule_8_what_no_decision_needs_may_be_missing() {
        for token_type in TokenType::ALL {
            let mut body = good(token_type);
            for name in ["scopes", "claims", "name", "created_at"] {
                body.as_object_mut().unwrap().remove(name);
            }
            body["expiration"] = json!(null);
            let auth = read(token_type, &body).unwrap();
            assert!(auth.expires_at().is_none() && auth.scopes().is_empty());
        }
    }

    #[test]
    fn rule_8_times_may_be_seconds_or_milliseconds_and_floats() {
        for token_type in TokenType::ALL {
            for time in [json!(LATER), json!(LATER as f64), json!(LATER / 1000)] {
                let auth = with(token_type, "expiration", time).unwrap();
                assert_eq!(auth.expiry(), Some(UnixMillis(LATER)), "{token_type}");
            }
            let past = with(token_type, "expiration", json!(NOW.0 / 1000));
            assert_eq!(past, Err(Reason::Expired));
            for broken in [json!(-1), json!(1e300)] {
                let read = with(token_type, "expiration", broken);
                assert_eq!(read, Err(Reason::UpstreamAnswer));
            }
        }
    }

    #[test]
    fn rule_6_a_configured_audience_fails_closed_for_opaque_oauth_too() {
        let mut policy = policy();
        policy.audience = Audience::new(["https://api"]);
        let mut body = good(TokenType::OAuth);
        let mut read = |aud: Value| {
            body["aud"] = aud;
            policy.read(TokenType::OAuth, body.to_string().as_bytes(), NOW)
        };
        assert_eq!(read(json!(null)), Err(Reason::NoAudience));
        assert_eq!(read(json!(["https://other"])), Err(Reason::WrongAudience));
        assert!(read(json!(["https://other", "https://api"])).is_ok());
    }

    #[test]
    fn an_opaque_oauth_token_tells_its_audience_and_who_acts() {
        let mut body = good(TokenType::OAuth);
        body["aud"] = json!(["https://a"]);
        body["act"] = json!({"sub": "agent_1", "act": {"sub": "user_b"}});
        let auth = read(TokenType::OAuth, &body).unwrap();
        let MachineAuth::OAuth(token) = &auth else {
            panic!("{auth:?}")
        };
        assert_eq!(*token.audience(), [Box::from("https://a")]);
        let actor = token.actor().unwrap();
        assert_eq!(actor.inner().unwrap().subject(), "user_b");
        let broken = with(TokenType::OAuth, "act", json!({"sub": 1}));
        assert_eq!(broken, Err(Reason::UpstreamAnswer));
        let written = serde_json::to_value(&auth).unwrap();
        assert_eq!(
            (&written["aud"], &written["act"]),
            (&body["aud"], &body["act"])
        );
    }
}
