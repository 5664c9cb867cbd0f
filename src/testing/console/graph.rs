//! `GET graph.svg`: a drawing of the scopes between machines.

use super::problem::Answer;
use super::request::{Query, Request};
use crate::testing::drawing::{Drawing, Node};
use crate::testing::reply::Reply;
use http::header;

pub(super) fn svg(request: &Request<'_>) -> Answer {
    let state = request.shared.state();
    let mut machines: Vec<_> = state.machines.all().collect();
    machines.sort_by_key(|machine| machine.sequence);
    let nodes = machines.iter().map(|machine| Node {
        id: machine.id.clone(),
        name: machine.name.clone(),
        reaches: machine.scopes.iter().cloned().collect(),
    });
    let drawing = Drawing::of(nodes.collect());
    let mut reply = Reply::empty(200).with(header::CONTENT_TYPE, "image/svg+xml");
    let bare = Query::of(request.call).flag("bare")?;
    reply.body = if bare {
        drawing.bare_svg()
    } else {
        drawing.svg()
    }
    .into();
    Ok(reply)
}
