//! Rules 8, 10 and 13: each way in which Clerk can answer, to each kind of token.

use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::world::{SECOND, World, status};

/// Status for the caller, and calls to Clerk.
type Cell = (u16, u64);

/// What Clerk does, and what comes of it:
/// - `cold`: a token that nothing is known of;
/// - `again`: the same token at once after that, which shows what was remembered;
/// - `stale`: a token that was good, past its fresh time.
///
/// A token within its fresh time is always served without a call; the test checks that too.
struct Row(&'static str, fn() -> Fault, Cell, Cell, Cell);

const BAD: (Cell, Cell, Cell) = ((401, 1), (401, 0), (401, 1));
const DOWN: (Cell, Cell, Cell) = ((503, 1), (503, 1), (200, 1));
const DOWN_TRIED_TWICE: (Cell, Cell, Cell) = ((503, 2), (503, 2), (200, 2));

const fn row(name: &'static str, fault: fn() -> Fault, cells: (Cell, Cell, Cell)) -> Row {
    Row(name, fault, cells.0, cells.1, cells.2)
}

const ROWS: [Row; 34] = [
    //   what Clerk does             fault                                          cold, again, stale
    row(
        "200, good",
        || altered(|_| {}),
        ((200, 1), (200, 0), (200, 1)),
    ),
    row(
        "200, without claims",
        || altered(|body| without(body, "claims")),
        ((200, 1), (200, 0), (200, 1)),
    ),
    row(
        "200, as text/html",
        || altered(|_| {}).header("content-type", "text/html"),
        ((200, 1), (200, 0), (200, 1)),
    ),
    row(
        "200, revoked",
        || altered(|body| body["revoked"] = json!(true)),
        BAD,
    ),
    row(
        "200, expired",
        || altered(|body| body["expired"] = json!(true)),
        BAD,
    ),
    row(
        "200, expiration past",
        || altered(|body| body["expiration"] = json!(1)),
        BAD,
    ),
    row("200, active: false", || answer(r#"{"active":false}"#), BAD),
    row(
        "200, subject mch_",
        || altered(|body| body["subject"] = json!("mch_a")),
        BAD,
    ),
    row(
        "200, type other",
        || altered(|body| body["type"] = json!("other")),
        BAD,
    ),
    row(
        "200, object session",
        || altered(|body| body["object"] = json!("session")),
        DOWN,
    ),
    row(
        "200, no subject",
        || altered(|body| without(body, "subject")),
        DOWN,
    ),
    row(
        "200, no revoked",
        || altered(|body| without(body, "revoked")),
        DOWN,
    ),
    row(
        "200, no expiration",
        || altered(|body| without(body, "expiration")),
        DOWN,
    ),
    row("200, HTML", || answer("<html>sign in</html>"), DOWN),
    row("200, empty", || answer(""), DOWN),
    row("200, 70 KiB", || answer(&"x".repeat(70_000)), DOWN),
    row("200, cut off", Fault::truncated_body, DOWN_TRIED_TWICE),
    row(
        "200, too slow",
        || Fault::slow_body(1, Duration::from_millis(50)),
        DOWN,
    ),
    row(
        "301 elsewhere",
        || Fault::status(301).header("location", "/elsewhere"),
        DOWN,
    ),
    row("400", || Fault::status(400), BAD),
    row(
        "400, our version",
        || Fault::status(400).body(r#"{"errors":[{"code":"api_version_invalid"}]}"#),
        DOWN,
    ),
    row("401", || Fault::status(401), DOWN),
    row("402", || Fault::status(402), DOWN),
    row("403", || Fault::status(403), DOWN),
    row("404", || Fault::status(404), BAD),
    row("409", || Fault::status(409), DOWN),
    row("422", || Fault::status(422), DOWN),
    row(
        "429, wait 2 s",
        || Fault::status(429).header("retry-after", "2"),
        ((503, 1), (503, 0), (200, 1)),
    ),
    row("500", || Fault::status(500), DOWN),
    row("503", || Fault::status(503), DOWN_TRIED_TWICE),
    row(
        "503, wait 60 s",
        || Fault::status(503).header("retry-after", "60"),
        DOWN,
    ),
    row("no answer", Fault::hang, DOWN),
    row(
        "connection closed",
        Fault::drop_connection,
        DOWN_TRIED_TWICE,
    ),
    row(
        "connection reset",
        Fault::reset_connection,
        DOWN_TRIED_TWICE,
    ),
];

fn answer(body: &str) -> Fault {
    Fault::status(200).body(body.to_owned())
}

/// A good answer, changed.
fn altered(change: fn(&mut Value)) -> Fault {
    let mut body = json!({
        "object": "api_key", "id": "ak_4f8a", "type": "api_key", "subject": "user_a",
        "name": "n", "claims": null, "scopes": [], "revoked": false, "expired": false,
        "expiration": null, "created_at": 1_700_000_000_000_u64,
    });
    change(&mut body);
    answer(&body.to_string())
}

fn without(body: &mut Value, name: &str) {
    body.as_object_mut().unwrap().remove(name);
}

impl World {
    /// Asks once, and counts.
    async fn cell(&self, service: &clerk_machine_auth::Authenticator, token: &str) -> Cell {
        let before = self.asked();
        let status = status(service, token).await;
        (status, self.asked() - before)
    }
}

#[tokio::test]
async fn rule_8_the_fault_table() {
    let world = World::new().await;
    println!(
        "{:<22} {:>9} {:>9} {:>9} {:>9}",
        "Clerk", "cold", "again", "cached", "stale"
    );
    for Row(name, fault, cold, again, stale) in ROWS {
        let (unknown, known) = (world.key(), world.key());
        let service = world.service();
        assert_eq!(world.cell(&service, &known).await, (200, 1), "{name}");
        let fault_is_on = || world.clerk.fault(Endpoint::VerifyApiKey, fault()).always();
        fault_is_on();
        let cached = world.cell(&service, &known).await;
        let found = [
            world.cell(&service, &unknown).await,
            world.cell(&service, &unknown).await,
        ];
        // Past the fresh time, and past every pause that the answers above asked for.
        world.pass(SECOND * 67);
        let aged = world.cell(&service, &known).await;
        println!(
            "{name:<22} {:?} {:?} {cached:?} {aged:?}",
            found[0], found[1]
        );
        assert_eq!(
            (cached, found, aged),
            ((200, 0), [cold, again], stale),
            "{name}"
        );
        world.clerk.clear_faults();
    }
}

#[tokio::test]
async fn rule_8_a_502_to_504_followed_by_200_costs_the_caller_nothing() {
    let world = World::new().await;
    for code in [502, 503, 504] {
        let service = world.service();
        world
            .clerk
            .fault(Endpoint::VerifyApiKey, Fault::status(code))
            .once();
        assert_eq!(world.cell(&service, &world.key()).await, (200, 2), "{code}");
    }
}

#[tokio::test]
async fn rule_8_only_a_definitive_answer_is_remembered_as_a_no() {
    let world = World::new().await;
    let service = world.service();
    for code in [401, 403, 422, 500] {
        let key = world.key();
        world
            .clerk
            .fault(Endpoint::VerifyApiKey, Fault::status(code))
            .once();
        assert_eq!(world.cell(&service, &key).await, (503, 1), "{code}");
        assert_eq!(world.cell(&service, &key).await, (200, 1), "{code}");
    }
    let key = world.key();
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::status(404))
        .once();
    assert_eq!(world.cell(&service, &key).await, (401, 1));
    world.pass(SECOND * 9);
    assert_eq!(world.cell(&service, &key).await, (401, 0));
    world.pass(SECOND);
    assert_eq!(
        world.cell(&service, &key).await,
        (200, 1),
        "after ten seconds it is asked again"
    );
}
