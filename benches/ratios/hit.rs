//! What the layer costs for a token that is remembered, beside the least that it could cost.

use clerk_machine_auth::Authenticator;
use tokio::runtime::Runtime;

use crate::support::backend::Backend;
use crate::support::clerk::{asking, local};
use crate::support::floor::Floor;
use crate::support::layered::{Noop, bearer, call, layered, request};
use crate::support::rows::Rows;
use crate::support::stopwatch::{Subject, interleave, subject_with};
use crate::support::tokens::{Issuer, api_key};

const ROUNDS: usize = 2_000;

pub(crate) fn run(rows: &mut Rows, runtime: &Runtime, issuer: &Issuer, backend: Backend) {
    let (local, asking) = (local(issuer), asking(issuer, backend));
    let (jwt, key) = (issuer.m2m(1), api_key(1));
    let rows = &mut Cost { rows, runtime };
    rows.measure("JWT", &local, &jwt, 450.0);
    rows.measure("opaque", &asking, &key, 310.0);
    rows.measure("JWT, registry", &asking, &jwt, 550.0);
}

struct Cost<'a> {
    rows: &'a mut Rows,
    runtime: &'a Runtime,
}

impl Cost<'_> {
    fn measure(&mut self, name: &str, clerk: &Authenticator, token: &str, bound: f64) {
        self.runtime
            .block_on(clerk.verify(token))
            .expect("the token is good");
        let times = interleave(ROUNDS, subjects(clerk, token));
        let (bare, floor, layer) = (times.least(0), times.least(1), times.least(2));
        let ratio = times.median(|time| (time(2) - time(0)) / (time(1) - time(0)));
        let cost = format!("cached hit, {name}: layer");
        self.rows.at_most(cost, layer - bare, bound, " ns");
        self.rows.note(
            format!("cached hit, {name}: layer / floor"),
            format!("{ratio:.2} × {:.0} ns", floor - bare),
        );
    }
}

/// The service alone, the floor, the layer.
fn subjects<'a>(clerk: &Authenticator, token: &'a str) -> Vec<Subject<'a>> {
    let (field, floor, mut layer) = (bearer(token), Floor::new(), layered(clerk));
    let make = move || request(&field);
    vec![
        subject_with(make.clone(), |request| call(&mut Noop, request)),
        subject_with(make.clone(), move |request| floor.let_in(request)),
        subject_with(make, move |request| {
            let response = call(&mut layer, request);
            assert!(response.status().is_success());
            response
        }),
    ]
}
