//! The key set: with the instance secret, and public.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;

use super::auth;
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;

/// `GET /jwks`: needs the instance secret; no rate limit applies.
pub(super) fn private(state: &State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    let machine = state.machines.by_secret(call.bearer()?, now).is_some();
    if !(machine && state.options.machine_secret_reads_jwks) {
        auth::instance_unlimited(state, call)?;
    }
    Ok(key_set(state, call))
}

/// `GET /.well-known/jwks.json`: needs nothing.
pub(super) fn public(state: &State, call: &Call) -> Reply {
    key_set(state, call).with(header::CACHE_CONTROL, "public, max-age=300")
}

fn key_set(state: &State, call: &Call) -> Reply {
    let reply = Reply::ok(&state.keys.jwks());
    if !state.options.jwks_etag {
        return reply;
    }
    let tag = format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &reply.body))
    );
    let known = call.header("if-none-match").unwrap_or_default();
    let same = known.split(',').any(|known| known.trim() == tag);
    if same {
        Reply::empty(304).with(header::ETAG, &tag)
    } else {
        reply.with(header::ETAG, &tag)
    }
}
