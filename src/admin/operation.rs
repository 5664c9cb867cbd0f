//! Describes a call before a secret is selected for it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::client::{AdminClient, AdminParts};
use crate::backend::AdminError;
use crate::backend::{ApiError, TokenAnswer, is_inactive};
use crate::credential::{Credential, SecretChoice};
use crate::stats::{CallOperation, CallResult};
use crate::token::TokenType;
use crate::transport::{Answer, Call, Observed, RetryPolicy};

/// A call of the Backend API: path, body and the choice of the secret.
pub(super) struct Operation {
    method: Method,
    url: Url,
    body: Option<Bytes>,
    secret: SecretChoice,
    retry: RetryPolicy,
    body_limit: Option<usize>,
    /// The token in the body, which must not appear in an error.
    carries: Option<SecretString>,
    counted_as: Option<CountedAs>,
}

/// What a call is counted as, if its client counts.
#[derive(Clone, Copy)]
pub(super) struct CountedAs {
    pub(super) operation: CallOperation,
    pub(super) template: &'static str,
    pub(super) classify: fn(&Answer) -> CallResult,
}

impl AdminClient {
    /// Creates a call that changes nothing and may be repeated.
    pub(super) fn read(&self, method: Method, path: &[&str]) -> Operation {
        self.operation(method, path, self.parts.read)
    }

    /// Creates a call that is sent once.
    pub(super) fn write(&self, method: Method, path: &[&str]) -> Operation {
        self.operation(method, path, self.parts.write)
    }

    fn operation(&self, method: Method, path: &[&str], retry: RetryPolicy) -> Operation {
        let mut segments = vec!["v1"];
        segments.extend_from_slice(path);
        Operation {
            method,
            url: self.parts.api.join(&segments),
            body: None,
            secret: SecretChoice::Instance,
            retry,
            body_limit: None,
            carries: None,
            counted_as: None,
        }
    }
}

impl Operation {
    pub(super) fn query(mut self, pairs: &[(&'static str, String)]) -> Self {
        if !pairs.is_empty() {
            self.url.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, AdminError> {
        let body = serde_json::to_vec(body)
            .map_err(|_| AdminError::invalid("body", "cannot be written as JSON"))?;
        self.body = Some(body.into());
        Ok(self)
    }

    /// Sets a token as the only member of the body.
    pub(super) fn token(
        self,
        member: &'static str,
        token: &SecretString,
    ) -> Result<Self, AdminError> {
        let body = std::collections::BTreeMap::from([(member, token.expose_secret())]);
        let mut operation = self.json(&body)?;
        operation.carries = Some(token.clone());
        Ok(operation)
    }

    pub(super) fn secret(mut self, secret: SecretChoice) -> Self {
        self.secret = secret;
        self
    }

    pub(super) const fn counted_as(mut self, counted_as: CountedAs) -> Self {
        self.counted_as = Some(counted_as);
        self
    }

    pub(super) const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Sends the call and parses its response as `T`.
    pub(super) async fn send<T: DeserializeOwned>(
        self,
        client: &AdminClient,
    ) -> Result<T, AdminError> {
        let answer = self.send_raw(client).await?;
        serde_json::from_slice(&answer).map_err(AdminError::decode)
    }

    /// Sends the verification of a token, and parses its response as the verifier would: what the
    /// verifier rejects is an error here, too.
    pub(super) async fn send_verification<T: DeserializeOwned>(
        self,
        client: &AdminClient,
        token_type: TokenType,
    ) -> Result<T, AdminError> {
        let answer = self.send_raw(client).await?;
        if !is_inactive(&answer) {
            TokenAnswer::read(token_type, &answer).map_err(AdminError::decode)?;
        }
        serde_json::from_slice(&answer).map_err(AdminError::decode)
    }

    /// Sends the call and returns the body of a successful response.
    ///
    /// A 401 means that nothing was changed, so the call is sent once more if there is another
    /// credential.
    pub(super) async fn send_raw(self, client: &AdminClient) -> Result<Bytes, AdminError> {
        let credential = client.parts.secrets.select(&self.secret).await?;
        let answer = self.send_as(client, &credential).await?;
        if answer.status == StatusCode::UNAUTHORIZED
            && let Some(renewed) = credential.renewed().await
            && client.parts.may_retry.ask()
        {
            let answer = self.send_as(client, &renewed).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                renewed.accepted();
            }
            return self.result(answer, &renewed);
        }
        self.result(answer, &credential)
    }

    async fn send_as(
        &self,
        client: &AdminClient,
        credential: &Credential,
    ) -> Result<Answer, AdminError> {
        let AdminParts {
            transport,
            may_retry,
            ..
        } = &*client.parts;
        let call = self.call(credential)?.observed(self.observed(client));
        Ok(transport.send_while(&call, || may_retry.ask()).await?)
    }

    fn observed(&self, client: &AdminClient) -> Option<Observed> {
        let (counters, as_) = client.parts.calls.as_ref().zip(self.counted_as)?;
        Some(Observed {
            operation: as_.operation,
            template: as_.template,
            counters: Arc::clone(counters),
            classify: as_.classify,
        })
    }

    fn call(&self, credential: &Credential) -> Result<Call, AdminError> {
        let authorization = credential.authorization();
        let authorization = authorization
            .ok_or_else(|| AdminError::invalid("secret", "cannot stand in a header"))?;
        let call = Call::new(self.method.clone(), self.url.clone(), self.retry)
            .header(header::AUTHORIZATION, authorization);
        let call = match self.body_limit {
            Some(limit) => call.body_limit(limit),
            None => call,
        };
        Ok(match &self.body {
            Some(body) => call.json(body.clone()),
            None => call,
        })
    }

    fn result(&self, answer: Answer, credential: &Credential) -> Result<Bytes, AdminError> {
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let carried = self
            .carries
            .as_ref()
            .map_or("", |token| token.expose_secret());
        let secrets = [credential.expose_secret(), carried];
        Err(AdminError::api_error(ApiError::read(&answer, &secrets)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::id::{ApiKeyId, M2mTokenId, MachineId};
    use proptest::prelude::*;

    /// `FULL=1` makes it those of the record.
    fn cases() -> u32 {
        if std::env::var_os("FULL").is_some() {
            1_000_000
        } else {
            20_000
        }
    }

    /// Any text, and texts that begin well and go on badly.
    fn text() -> impl Strategy<Value = String> {
        let prefix = prop::sample::select(vec!["", "mch_", "mt_", "ak_", "api_key_"]);
        let rest = prop_oneof![
            any::<String>(),
            "[a-zA-Z0-9_./%?#:@&;\\\\ \\n\\x00]{0,40}",
            "\\w{1,60}",
        ];
        (prefix, rest).prop_map(|(prefix, rest)| format!("{prefix}{rest}"))
    }

    /// Made once: setting up TLS takes longer than a thousand cases.
    static CLIENT: LazyLock<AdminClient> = LazyLock::new(|| {
        let builder = AdminClient::builder().api_url("https://api.example");
        builder.build().unwrap()
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]
        #[test]
        fn rule_1_an_identifier_never_leaves_its_segment_or_host(text in text()) {
            let ids = [
                MachineId::new(&text).map(|id| id.to_string()),
                M2mTokenId::new(&text).map(|id| id.to_string()),
                ApiKeyId::new(&text).map(|id| id.to_string()),
            ];
            for id in ids.into_iter().flatten() {
                let url = CLIENT.read(Method::GET, &["machines", &id, "scopes", &id]).url;
                prop_assert_eq!(url.host_str(), Some("api.example"));
                prop_assert!(url.query().is_none() && url.fragment().is_none());
                let segments: Vec<_> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments, ["v1", "machines", &id, "scopes", &id]);
            }
        }

        #[test]
        fn a_filter_never_leaves_its_value(text in any::<String>()) {
            let call = CLIENT.read(Method::GET, &["machines"]);
            let url = call.query(&[("query", text.clone()), ("limit", "1".to_owned())]).url;
            prop_assert_eq!(url.path(), "/v1/machines");
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            prop_assert_eq!(pairs, [own("query", &text), own("limit", "1")]);
        }
    }
}
