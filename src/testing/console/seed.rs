//! `POST seed`: creates all objects of a seed document, or none.

use serde_json::{Value, json};

use super::problem::Answer;
use super::request::{Request, body};
use super::{machines, tokens};
use crate::testing::reply::Reply;
use crate::testing::seed::apply;

pub(super) fn post(request: &Request<'_>) -> Answer {
    let document = body(request.call)?;
    let mut state = request.shared.state();
    let seeded = apply::document(&mut state, document, request.shared.now())?;
    let token = |made: &apply::Made| {
        let mut shown = tokens::show(made);
        shown["variable"] = json!(made.variable);
        shown
    };
    Ok(Reply::json(
        201,
        &json!({
            "machines": seeded.machines.iter().map(machines::with_secret).collect::<Value>(),
            "tokens": seeded.tokens.iter().map(token).collect::<Value>(),
            "oauthClients": seeded.clients.iter().map(tokens::with_secret).collect::<Value>(),
        }),
    ))
}
