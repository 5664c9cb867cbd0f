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

/// Whose secret a request carried; the secret itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// No readable `Authorization: Bearer` line.
    None,
    /// A secret key of the instance.
    InstanceSecret,
    /// A secret of a machine.
    #[non_exhaustive]
    MachineSecret {
        /// The machine's id.
        machine_id: String,
        /// False for a secret that was rotated away and is in its grace period.
        current: bool,
    },
    /// A bearer token that is no secret of this emulator, or no longer.
    Unknown,
}

/// A request that the emulator received. Its `Debug` hides bodies, since they hold tokens.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// What it asked for.
    pub endpoint: Endpoint,
    /// The method.
    pub method: String,
    /// The path as sent, `/v1` included if it was there.
    pub path: String,
    /// The query string as sent.
    pub query: Option<String>,
    /// Whose secret it carried.
    pub credential: Credential,
    /// Its headers, without `Authorization`.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// When it came, by the emulator's clock, since the Unix epoch.
    pub received_at: Duration,
    /// Whether a fault took part in the answer.
    pub faulted: bool,
    /// Why it was answered so, where the answer does not say it: the fault, or what is wrong with
    /// the token that was to be verified.
    pub reason: Option<String>,
    /// What was answered; `None` while it is not, and for an answer that was never sent.
    pub response: Option<RecordedResponse>,
}

/// An answer of the emulator. Its `Debug` hides the body, since it may hold secrets.
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
    /// Returns the body as JSON; `Null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl RecordedResponse {
    /// Returns the body as JSON; `Null` if it is none.
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

/// Counters without a bound, and the newest requests within one.
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

    /// Notes a request on arrival and returns its ticket.
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

    /// Notes that a fault takes part in the answer.
    pub(super) fn faulted(&self, ticket: u64, fault: &Fault) {
        self.change(ticket, |request| {
            request.faulted = true;
            request.reason = Some(format!("a fault {fault}"));
        });
    }

    /// Notes why the answer is what it is.
    pub(super) fn explained(&self, ticket: u64, reason: String) {
        self.change(ticket, |request| request.reason = Some(reason));
    }

    /// Notes the answer.
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

    /// Returns the requests after this ticket that are wanted, with their tickets, oldest first;
    /// of more than `limit`, the newest.
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

    /// Empties the log and zeroes the counters; tickets that are out stay harmless.
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
