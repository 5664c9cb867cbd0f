//! The calls themselves, and the count of their answers.

use std::collections::BTreeMap;

use clerk_machine_auth::{M2mTokenLayer, M2mTokenSource, TokenSourceError, TokenSourceErrorKind};
use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Url;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error};

use crate::Outcome;

/// A service to call, and a client that adds the token.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    url: Url,
    client: ClientWithMiddleware,
}

/// How many answers had which status.
#[derive(Debug, Default)]
pub(crate) struct Statuses(BTreeMap<String, usize>);

impl Target {
    /// The whole of what a caller has to do.
    pub(crate) fn new(source: M2mTokenSource, url: Url) -> Outcome<Self> {
        let origin = url.origin().ascii_serialization();
        let layer = M2mTokenLayer::new(source, [origin])?.retry_once();
        let client = ClientBuilder::new(reqwest::Client::new())
            .with(layer)
            .build();
        Ok(Self { url, client })
    }

    /// Makes so many calls, so many at once.
    pub(crate) async fn call(&self, requests: usize, concurrency: usize) -> Statuses {
        let calls = stream::iter(0..requests).map(|_| self.call_once());
        let mut answers = calls.buffer_unordered(concurrency);
        let (mut statuses, mut told) = (Statuses::default(), Vec::new());
        while let Some(answer) = answers.next().await {
            if let Err(error) = &answer {
                tell_once(error, &mut told);
            }
            statuses.add(answer.ok());
        }
        statuses
    }

    async fn call_once(&self) -> Result<u16, Error> {
        let response = self.client.get(self.url.clone()).send().await?;
        let status = response.status().as_u16();
        // Read to its end, so that the connection can be used again.
        response.bytes().await?;
        Ok(status)
    }
}

/// Says what is wrong, once for each class of it, and names an exhausted quota as that.
fn tell_once(error: &Error, told: &mut Vec<Option<TokenSourceErrorKind>>) {
    let refusal = match error {
        Error::Middleware(error) => error.downcast_ref::<TokenSourceError>(),
        Error::Reqwest(_) => None,
    };
    let kind = refusal.map(TokenSourceError::kind);
    if told.contains(&kind) {
        return;
    }
    told.push(kind);
    match kind {
        Some(TokenSourceErrorKind::Quota) => eprintln!("quota: {error}"),
        _ => eprintln!("a call failed: {error}"),
    }
}

impl Statuses {
    /// Counts an answer, or a call that got none.
    fn add(&mut self, status: Option<u16>) {
        let name = status.map_or_else(|| "error".to_owned(), |status| status.to_string());
        *self.0.entry(name).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (status, count) in other.0 {
            *self.0.entry(status).or_default() += count;
        }
    }

    pub(crate) const fn counts(&self) -> &BTreeMap<String, usize> {
        &self.0
    }

    pub(crate) fn total(&self) -> usize {
        self.0.values().sum()
    }

    pub(crate) fn are_all_successes(&self) -> bool {
        self.0.keys().all(|status| status.starts_with('2'))
    }
}
