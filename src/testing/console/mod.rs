//! The console: a page at `/` that shows the emulator, and the JSON API under `/__emulator/` with
//! which the page, and tests in any language, control it.

mod clock;
mod environment;
mod faults;
mod graph;
mod inspect;
mod log;
mod machines;
mod page;
mod problem;
mod request;
mod routes;
mod seed;
mod state;
mod tokens;

use std::sync::Arc;

use http::header;

use super::access::Foreign;
use super::reply::Reply;
use super::request::Call;
use super::shared::Shared;
use problem::Problem;
use routes::ROOT;

/// Returns `true` if this call is for the console, and the console is enabled.
pub(super) fn is_asked(shared: &Shared, call: &Call) -> bool {
    let ours = call.path == "/" || call.path.starts_with(ROOT);
    ours && shared.state().options.console
}

/// Handles a call for the console. It is not logged, and no fault applies to it.
pub(super) async fn answer(shared: Arc<Shared>, call: Call) -> Reply {
    let is_page = call.path == "/";
    let reply = match shared.access.admit(&call.sender, is_page) {
        Err(foreign) => refused(foreign).reply(),
        Ok(()) if is_page => page::answer(&call),
        // Generating a key takes a few hundred milliseconds, during which other requests continue.
        Ok(()) => tokio::task::spawn_blocking(move || routes::answer(&shared, &call))
            .await
            .unwrap_or_else(|_| Problem::new(500, "panicked", "the operation failed").reply()),
    };
    reply
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(header::REFERRER_POLICY, "no-referrer")
}

fn refused(foreign: Foreign) -> Problem {
    let (code, message) = match foreign {
        Foreign::Peer => (
            "foreign_peer",
            "the console is for this machine only; start the emulator with --open-to-network to open it",
        ),
        Foreign::Host => (
            "foreign_host",
            "ask under localhost, a loopback address or the name of --public-url",
        ),
        Foreign::Origin => (
            "foreign_origin",
            "pages of other origins may not use the console",
        ),
    };
    Problem::new(403, code, message)
}
