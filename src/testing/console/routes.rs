//! The operations of the API and their paths, as described by `openapi.json`.

use http::header;

use super::problem::{Answer, Problem};
use super::request::Request;
use super::{clock, environment, faults, graph, inspect, log, machines, seed, state, tokens};
use crate::testing::endpoint::matches;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::shared::Shared;

/// The prefix of every path of the API.
pub(super) const ROOT: &str = "/__emulator/";

/// The OpenAPI document of the API.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

type Operation = fn(&Request<'_>) -> Answer;

const ROUTES: &[(&str, &str, Operation)] = &[
    ("GET", "openapi.json", |_| Ok(document())),
    ("GET", "state", state::get),
    ("POST", "reset", state::reset),
    ("POST", "checkpoint", state::checkpoint),
    ("POST", "seed", seed::post),
    ("GET", "environment", environment::get),
    ("GET", "new_user_id", environment::new_user_id),
    ("GET", "new_org_id", environment::new_org_id),
    ("GET", "graph.svg", graph::svg),
    ("POST", "machines", machines::create),
    ("DELETE", "machines/{}", machines::delete),
    ("GET", "machines/{}/secret_key", machines::secret),
    ("POST", "machines/{}/secret_key/rotate", machines::rotate),
    ("PUT", "scopes/{}/{}", machines::grant),
    ("DELETE", "scopes/{}/{}", machines::revoke_grant),
    ("POST", "m2m_tokens", tokens::create_m2m),
    ("POST", "api_keys", tokens::create_api_key),
    ("POST", "oauth_tokens", tokens::create_oauth),
    ("POST", "oauth_clients", tokens::create_client),
    ("POST", "tokens/{}/revoke", tokens::revoke),
    ("POST", "tokens/{}/expire", tokens::expire),
    ("DELETE", "tokens/{}", tokens::delete),
    ("POST", "sign_in", tokens::sign_in),
    ("POST", "inspect", inspect::post),
    ("GET", "requests", log::get),
    ("DELETE", "requests", log::delete),
    ("GET", "endpoints", faults::endpoints),
    ("GET", "faults", faults::list),
    ("POST", "faults", faults::create),
    ("DELETE", "faults", faults::clear),
    ("DELETE", "faults/{}", faults::delete),
    ("POST", "clock", clock::change),
    ("POST", "keys/rotate", machines::rotate_keys),
];

fn document() -> Reply {
    let mut reply = Reply::empty(200).with(header::CONTENT_TYPE, "application/json");
    reply.body = DOCUMENT.into();
    reply
}

/// Performs the operation.
pub(super) fn answer(shared: &Shared, call: &Call) -> Reply {
    if call.too_large {
        return Problem::new(413, "too_large", "the body is too large").reply();
    }
    let path = call.path.strip_prefix(ROOT).unwrap_or_default();
    let found: Vec<_> = ROUTES
        .iter()
        .filter_map(|(method, pattern, operation)| {
            matches(pattern, path).map(|ids| (*method, ids, operation))
        })
        .collect();
    if found.is_empty() {
        return Problem::not_found("path").reply();
    }
    let allow: Vec<_> = found.iter().map(|(method, ..)| *method).collect();
    match found
        .into_iter()
        .find(|(method, ..)| *method == call.method)
    {
        Some((_, ids, operation)) => {
            operation(&Request { shared, call, ids }).unwrap_or_else(Problem::reply)
        }
        None => Problem::new(405, "method", "the path does not have this method")
            .reply()
            .with(header::ALLOW, &allow.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Path parameters have names in the document and none here.
    fn nameless(path: &str) -> String {
        let segment = |segment: &str| {
            if segment.starts_with('{') {
                "{}"
            } else {
                segment
            }
            .to_owned()
        };
        path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn the_document_describes_these_operations_and_no_others() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let path = nameless(path.strip_prefix(ROOT).unwrap());
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "parameters");
            described.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let served = ROUTES
            .iter()
            .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
        assert_eq!(described, served.collect());
    }
}
