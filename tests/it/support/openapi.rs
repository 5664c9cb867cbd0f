//! Holds recorded traffic against Clerk's OpenAPI document.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clerk_machine_auth::testing::RecordedRequest;
use serde_json::Value;

use super::exchange::Exchange;
use super::operation::Operation;

/// The document, read once for all tests.
static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);

/// How much of a request is held against the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requests {
    /// Those that were answered by a success: a test may send nonsense to see it refused.
    Accepted,
    /// All of them: a client must never send what the document forbids.
    All,
}

/// Returns the document.
pub(crate) fn contract() -> &'static Contract {
    &CONTRACT
}

/// Fails with every violation in this traffic.
pub(crate) fn assert_conforms(requests: &[RecordedRequest], checked: Requests) {
    assert_exchanges(requests.iter().filter_map(Exchange::recorded), checked);
}

/// Fails with every violation in this traffic, wherever it was recorded.
pub(crate) fn assert_exchanges(exchanges: impl Iterator<Item = Exchange>, checked: Requests) {
    let contract = contract();
    let mut report = String::new();
    for exchange in exchanges {
        for violation in contract.violations(&exchange, checked) {
            let _ = writeln!(report, "{} {}: {violation}", exchange.method, exchange.path);
        }
    }
    assert!(
        report.is_empty(),
        "violations of the OpenAPI document:\n{report}"
    );
}

/// The operations of the document.
pub(crate) struct Contract {
    operations: Vec<Operation>,
}

impl Contract {
    fn load() -> Self {
        let text = std::fs::read_to_string(document()).expect("the document is there");
        let document: Value = yaml_serde::from_str(&text).expect("the document is YAML");
        let paths = document["paths"]
            .as_object()
            .expect("the document has paths");
        let operations = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(move |m| (path, m))
            })
            .map(|(path, (method, operation))| Operation::new(&document, path, method, operation))
            .collect();
        Self { operations }
    }

    /// What is wrong with a request and its answer.
    pub(crate) fn violations(&self, exchange: &Exchange, checked: Requests) -> Vec<String> {
        let all = checked == Requests::All;
        let Some(operation) = self.find(exchange) else {
            // The authorization server is no part of the Backend API.
            let path = &exchange.path;
            let elsewhere = path.starts_with("/oauth/") || path.starts_with("/.well-known/");
            let refused = elsewhere || !all && matches!(exchange.status, 404 | 405);
            let unknown = (!refused).then(|| "no such operation".to_owned());
            return unknown.into_iter().collect();
        };
        let mut found = Vec::new();
        if all || exchange.succeeded() {
            operation.check_request(exchange, &mut found);
        }
        if all {
            // Servers ignore a parameter that they do not know; a client must not rely on it.
            operation.check_unknown_parameters(exchange, &mut found);
        }
        if !exchange.faulted {
            operation.check_response(exchange, &mut found);
        }
        found
    }

    /// The operations that no successful request of this traffic asked for.
    pub(crate) fn undriven(&self, requests: &[RecordedRequest]) -> Vec<String> {
        let exchanges: Vec<_> = requests.iter().filter_map(Exchange::recorded).collect();
        let driven = |operation: &&Operation| {
            let mut succeeded = exchanges.iter().filter(|exchange| exchange.succeeded());
            succeeded.any(|exchange| {
                self.find(exchange)
                    .is_some_and(|found| std::ptr::eq(found, *operation))
            })
        };
        let missing = self
            .operations
            .iter()
            .filter(|operation| !driven(operation));
        missing.map(Operation::name).collect()
    }

    /// The operation of a path. A path without variables hides those with, whatever the method:
    /// `GET /api_keys/verify` does not read a key named `verify`.
    fn find(&self, exchange: &Exchange) -> Option<&Operation> {
        let segments = exchange.segments();
        let fitting = || {
            self.operations
                .iter()
                .filter(|operation| operation.fits(&segments))
        };
        let least = fitting().map(Operation::variables).min()?;
        fitting()
            .find(|operation| operation.variables() == least && operation.method == exchange.method)
    }
}

/// `CLERK_OPENAPI`, or the excerpt in this repository.
fn document() -> PathBuf {
    std::env::var_os("CLERK_OPENAPI").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("data/openapi/bapi-2026-05-12-machine-auth.yml")
        },
        Into::into,
    )
}
