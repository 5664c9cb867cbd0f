//! An emulator and a plain HTTP client that talks to it.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, EmulatorBuilder, TestClock};
use serde_json::Value;

use crate::support::openapi::{Requests, assert_conforms};

/// An emulator with a stopped clock, and a client.
pub(crate) struct Harness {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Asserts the status of a success and returns the body.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }

    /// Asserts an error of this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["errors"][0]["code"], code, "{self:?}");
    }
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::of(ClerkEmulator::builder()).await
    }

    /// Starts an emulator with settings of its own, on a stopped clock.
    pub(crate) async fn of(builder: EmulatorBuilder) -> Self {
        let clerk = builder.clock(TestClock::frozen()).start().await.unwrap();
        // A call that should not hang fails instead of holding the run up.
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { clerk, http }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        secret: &str,
        body: Option<Value>,
    ) -> Answer {
        self.try_send(method, path, secret, body).await.unwrap()
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        secret: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.clerk.api_url());
        let mut request = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(secret);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Asks under the instance secret.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(method, path, self.clerk.secret_key(), body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.admin("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.admin("POST", path, Some(body)).await
    }

    /// Asserts that nothing that went over the wire breaks the OpenAPI document.
    #[track_caller]
    pub(crate) fn conforms(&self) {
        assert_conforms(&self.clerk.requests(), Requests::Accepted);
    }
}
