//! The environment variables that a service needs to use this emulator, as read by Clerk's
//! libraries.

use serde_json::{Map, Value, json};

use super::problem::{Answer, Problem};
use super::request::{Query, Request};
use crate::testing::ids;
use crate::testing::reply::Reply;
use crate::testing::state::machines::Machine;

/// The variables for a machine (`machine`, by id or name); the first machine by default.
pub(super) fn get(request: &Request<'_>) -> Answer {
    let query = Query::of(request.call);
    let state = request.shared.state();
    let machine = match query.text("machine") {
        Some(given) => Some(state.machines.find(given)?),
        None => state.machines.all().min_by_key(|machine| machine.sequence),
    };
    let identity = &request.shared.identity;
    let jwt_key = state.keys.current().pem();
    let mut variables = Map::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), json!(value));
    set("CLERK_API_URL", &identity.api_url);
    set("CLERK_SECRET_KEY", &identity.secret_key);
    set("CLERK_PUBLISHABLE_KEY", &identity.publishable_key);
    set("CLERK_JWT_KEY", &jwt_key.trim_end().replace('\n', "\\n"));
    if let Some(Machine { id, secret, .. }) = machine {
        set("CLERK_MACHINE_ID", id);
        set("CLERK_MACHINE_SECRET_KEY", secret);
    }
    Ok(Reply::ok(&Value::Object(variables)))
}

pub(super) fn new_user_id(_: &Request<'_>) -> Answer {
    Ok::<_, Problem>(Reply::ok(&json!({ "id": ids::word_id("user") })))
}

pub(super) fn new_org_id(_: &Request<'_>) -> Answer {
    Ok::<_, Problem>(Reply::ok(&json!({ "id": ids::word_id("org") })))
}
