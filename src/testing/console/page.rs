//! `GET /`: the page, a single file without external resources.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;

use super::problem::Problem;
use crate::testing::reply::Reply;
use crate::testing::request::Call;

const PAGE: &str = include_str!("page.html");

/// Allows the page's own script and style sheet, by their hashes, and connections to the emulator.
/// Injected markup can therefore neither run nor load anything.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (script, style) = (hash("<script>", "</script>"), hash("<style>", "</style>"));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
});

pub(super) fn answer(call: &Call) -> Reply {
    if call.method != "GET" {
        return Problem::new(405, "method", "the page can only be read")
            .reply()
            .with(header::ALLOW, "GET");
    }
    let mut reply = Reply::empty(200)
        .with(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .with(header::CONTENT_SECURITY_POLICY, &POLICY)
        .with(header::X_FRAME_OPTIONS, "DENY");
    reply.body = PAGE.into();
    reply
}

/// The hash of the element between these tags.
fn hash(open: &str, close: &str) -> String {
    let inner = PAGE
        .split_once(open)
        .and_then(|(_, rest)| rest.split_once(close));
    let inner = inner.map_or("", |(inner, _)| inner);
    STANDARD.encode(digest(&SHA256, inner.as_bytes()))
}
