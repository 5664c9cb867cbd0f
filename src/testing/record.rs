//! The log of requests and the counters of calls.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::lock::lock;
use super::reply::Reply;
use super::request::Call;

/// The owner of the secret in a request; the secret itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// No valid `Authorization: Bearer` line.
    None,
    /// A secret key of the instance.
    InstanceSecret,
    /// A secret of a machine.
    #[non_exhaustive]
    MachineSecret {
        /// The machine's id.
        machine_id: String,
        /// `false` for a previous secret during its grace period after a rotation.
        current: bool,
    },
    /// A bearer token that is not, or no longer, a secret of this emulator.
    Unknown,
}

/// A request that the emulator received. Its `Debug` hides bodies, which contain tokens.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The operation that it requested.
    pub endpoint: Endpoint,
    /// The method.
    pub method: String,
    /// The path as sent, including `/v1` if present.
    pub path: String,
    /// The query string as sent.
    pub query: Option<String>,
    /// The owner of its secret.
    pub credential: Credential,
    /// Its headers, without `Authorization`.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// When it arrived, by the emulator's clock, since the Unix epoch.
    pub received_at: Duration,
    /// Whether a fault affected the response.
    pub faulted: bool,
    /// The reason for the response, if the response does not contain it: the fault, or why the
    /// verified token is invalid.
    pub reason: Option<String>,
    /// The response; `None` while there is none, and if it was never sent.
    pub response: Option<RecordedResponse>,
}

/// A response of the emulator. Its `Debug` hides the body, which may contain secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl RecordedRequest {
    /// Returns the body as JSON; `Null` if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl RecordedResponse {
    /// Returns the body as JSON; `Null` if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("credential", &self.credential)
            .field("body_bytes", &self.body.len())
            .field("faulted", &self.faulted)
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RecordedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

const ENDPOINTS: usize = Endpoint::Unknown as usize + 1;

/// Unbounded counters, and a bounded number of the newest requests.
pub(super) struct Log {
    counters: [AtomicU64; ENDPOINTS],
    kept: Mutex<Kept>,
    capacity: usize,
}

#[derive(Default)]
struct Kept {
    /// The ticket of the oldest request that is still kept.
    first: u64,
    requests: VecDeque<RecordedRequest>,
}

impl Log {
    pub(super) fn new(capacity: usize) -> Self {
        let counters = [const { AtomicU64::new(0) }; ENDPOINTS];
        Self {
            counters,
            kept: Mutex::default(),
            capacity,
        }
    }

    /// Records a request on arrival, and returns its ticket.
    pub(super) fn arrived(&self, call: &Call, credential: Credential, at: Duration) -> u64 {
        self.count(call.route.endpoint);
        let mut kept = lock(&self.kept);
        let ticket = kept.first + kept.requests.len() as u64;
        kept.requests.push_back(recorded(call, credential, at));
        if kept.requests.len() > self.capacity {
            kept.requests.pop_front();
            kept.first += 1;
        }
        ticket
    }

    fn count(&self, endpoint: Endpoint) {
        for counted in [endpoint, Endpoint::Any] {
            if let Some(counter) = self.counters.get(counted as usize) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Records that a fault affects the response.
    pub(super) fn faulted(&self, ticket: u64, fault: &Fault) {
        self.change(ticket, |request| {
            request.faulted = true;
            request.reason = Some(format!("a fault {fault}"));
        });
    }

    /// Records the reason for the response.
    pub(super) fn explained(&self, ticket: u64, reason: String) {
        self.change(ticket, |request| request.reason = Some(reason));
    }

    /// Records the response.
    pub(super) fn answered(&self, ticket: u64, reply: &Reply) {
        let response = RecordedResponse {
            status: reply.status,
            headers: reply.headers.clone(),
            body: reply.body.clone(),
        };
        self.change(ticket, |request| request.response = Some(response));
    }

    fn change(&self, ticket: u64, change: impl FnOnce(&mut RecordedRequest)) {
        let mut kept = lock(&self.kept);
        let index = ticket
            .checked_sub(kept.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(request) = index.and_then(|index| kept.requests.get_mut(index)) {
            change(request);
        }
    }

    pub(super) fn calls(&self, endpoint: Endpoint) -> u64 {
        self.counters
            .get(endpoint as usize)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.kept).requests.iter().cloned().collect()
    }

    /// Returns the matching requests after this ticket, with their tickets, oldest first; of more
    /// than `limit`, the newest.
    pub(super) fn after(
        &self,
        ticket: Option<u64>,
        limit: usize,
        wanted: impl Fn(&RecordedRequest) -> bool,
    ) -> Vec<(u64, RecordedRequest)> {
        let kept = lock(&self.kept);
        let end = kept.first + kept.requests.len() as u64;
        let numbered = kept.requests.iter().rev().zip(1..);
        let numbered = numbered.map(|(request, back)| (end - back, request));
        let later = numbered.take_while(|(number, _)| ticket.is_none_or(|after| *number > after));
        let newest = later.filter(|(_, request)| wanted(request)).take(limit);
        let mut found: Vec<_> = newest
            .map(|(number, request)| (number, request.clone()))
            .collect();
        found.reverse();
        found
    }

    /// Clears the log and the counters; existing tickets stay harmless.
    pub(super) fn reset(&self) {
        let mut kept = lock(&self.kept);
        kept.first += kept.requests.len() as u64;
        kept.requests.clear();
        for counter in &self.counters {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

fn recorded(call: &Call, credential: Credential, at: Duration) -> RecordedRequest {
    let mut headers = call.headers.clone();
    headers.remove(header::AUTHORIZATION);
    RecordedRequest {
        endpoint: call.route.endpoint,
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        credential,
        headers,
        body: call.body.clone(),
        received_at: at,
        faulted: false,
        reason: None,
        response: None,
    }
}
