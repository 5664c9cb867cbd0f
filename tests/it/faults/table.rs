//! Rules 8, 10 and 13: each way in which Clerk can answer, to each kind of token.

use std::time::Duration;

use clerk_machine_auth::Authenticator;
use clerk_machine_auth::testing::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::faults::world::{SECOND, World, status};
use crate::support::tls;

/// Status for the caller, and calls to Clerk.
type Cell = (u16, u64);

/// What comes of one behaviour of Clerk, one cell for each state of a token:
/// - cold: nothing is known of it;
/// - again: the same token right after that, which shows what was remembered;
/// - cached: it was good and is inside its fresh time;
/// - stale: it was good and is past its fresh time, inside the stale window;
/// - then: that token right after that.
type Cells = [Cell; 5];

/// A good answer, remembered.
//                   cold,     again,    cached,   stale,    then
const GOOD: Cells = [(200, 1), (200, 0), (200, 0), (200, 1), (200, 0)];
/// A definite no: remembered, and it ends what was remembered before.
const BAD: Cells = [(401, 1), (401, 0), (200, 0), (401, 1), (401, 0)];
/// No answer about the token: nothing is remembered, and what was is kept.
const DOWN: Cells = [(503, 1), (503, 1), (200, 0), (200, 1), (200, 1)];
/// The same, tried once more each time.
const DOWN_TWICE: Cells = [(503, 2), (503, 2), (200, 0), (200, 2), (200, 2)];
/// The same, and no call is made until the pause that Clerk asked for is over.
const PAUSED: Cells = [(503, 1), (503, 0), (200, 0), (200, 1), (200, 0)];
/// Nobody is there to count the calls.
const ABSENT: Cells = [(503, 0), (503, 0), (200, 0), (200, 0), (200, 0)];

/// The fault, or `None` for a port where nobody listens.
struct Row(&'static str, fn() -> Option<Fault>, Cells);

#[rustfmt::skip]
const ROWS: [Row; 42] = [
    Row("200, good",                || altered(|_| {}),                                         GOOD),
    Row("200, without claims",      || altered(|body| without(body, "claims")),                 GOOD),
    Row("200, as text/html",        || typed("text/html"),                                      GOOD),
    Row("200, revoked",             || altered(|body| body["revoked"] = json!(true)),           BAD),
    Row("200, expired",             || altered(|body| body["expired"] = json!(true)),           BAD),
    Row("200, expiration past",     || altered(|body| body["expiration"] = json!(1)),           BAD),
    Row("200, active: false",       || answer(r#"{"active":false}"#),                           BAD),
    Row("200, subject mch_",        || altered(|body| body["subject"] = json!("mch_a")),        BAD),
    Row("200, type other",          || altered(|body| body["type"] = json!("other")),           BAD),
    Row("200, object session",      || altered(|body| body["object"] = json!("session")),       DOWN),
    Row("200, no subject",          || altered(|body| without(body, "subject")),                DOWN),
    Row("200, no revoked",          || altered(|body| without(body, "revoked")),                DOWN),
    Row("200, no expiration",       || altered(|body| without(body, "expiration")),             DOWN),
    Row("200, HTML",                || answer("<html>sign in</html>"),                          DOWN),
    Row("200, empty",               || answer(""),                                              DOWN),
    Row("200, 70 KiB",              || answer(&"x".repeat(70_000)),                             DOWN),
    Row("200, cut off",             || Some(Fault::truncated_body()),                           DOWN_TWICE),
    Row("200, too slow",            || Some(Fault::slow_body(1, Duration::from_millis(50))),    DOWN),
    Row("301 elsewhere",            || with(301, "location", "/elsewhere"),                     DOWN),
    Row("400",                      || status_of(400),                                          BAD),
    Row("400, our version",         || refusal(400, "api_version_invalid"),                     DOWN),
    Row("400, of a proxy",          || of_proxy(400),                                           DOWN),
    Row("401",                      || status_of(401),                                          DOWN),
    Row("402",                      || status_of(402),                                          PAUSED),
    Row("403",                      || status_of(403),                                          DOWN),
    Row("403, of the token",        || refusal(403, "token_not_in_scope"),                      BAD),
    Row("403, a quota",             || refusal(403, "token_quota_exceeded"),                    PAUSED),
    Row("404",                      || status_of(404),                                          BAD),
    Row("404, of a proxy",          || of_proxy(404),                                           DOWN),
    Row("404, without errors",      || Some(Fault::status(404).body("{}")),                     DOWN),
    Row("409",                      || status_of(409),                                          DOWN),
    Row("422",                      || status_of(422),                                          DOWN),
    Row("429, wait 2 s",            || with(429, "retry-after", "2"),                           PAUSED),
    Row("500",                      || status_of(500),                                          DOWN),
    Row("502",                      || status_of(502),                                          DOWN_TWICE),
    Row("503",                      || status_of(503),                                          DOWN_TWICE),
    Row("503, wait 60 s",           || with(503, "retry-after", "60"),                          DOWN),
    Row("504",                      || status_of(504),                                          DOWN_TWICE),
    Row("no answer",                || Some(Fault::hang()),                                     DOWN),
    Row("connection closed",        || Some(Fault::drop_connection()),                          DOWN_TWICE),
    Row("connection reset",         || Some(Fault::reset_connection()),                         DOWN_TWICE),
    Row("connection refused",       || None,                                                    ABSENT),
];

fn status_of(status: u16) -> Option<Fault> {
    Some(Fault::status(status))
}

fn with(status: u16, header: &str, value: &str) -> Option<Fault> {
    Some(Fault::status(status).header(header, value))
}

fn refusal(status: u16, code: &str) -> Option<Fault> {
    let body = json!({"errors": [{"code": code}]}).to_string();
    Some(Fault::status(status).body(body))
}

fn of_proxy(status: u16) -> Option<Fault> {
    let fault = Fault::status(status).header("content-type", "text/html");
    Some(fault.body("<html>no such site</html>"))
}

fn typed(media_type: &str) -> Option<Fault> {
    altered(|_| {}).map(|fault| fault.header("content-type", media_type))
}

fn answer(body: &str) -> Option<Fault> {
    Some(Fault::status(200).body(body.to_owned()))
}

/// A good answer, changed.
fn altered(change: fn(&mut Value)) -> Option<Fault> {
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
    async fn cell(&self, service: &Authenticator, token: &str) -> Cell {
        let before = self.asked();
        let status = status(service, token).await;
        (status, self.asked() - before)
    }

    async fn set_off(&self, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.clerk.fault(Endpoint::VerifyApiKey, fault).always(),
            None => self.clerk.stop_listening().await,
        }
    }

    async fn cells(&self, fault: Option<Fault>) -> Cells {
        let (service, unknown, known) = (self.service(), self.key(), self.key());
        assert_eq!(self.cell(&service, &known).await, (200, 1));
        self.set_off(fault).await;
        let cold = self.cell(&service, &unknown).await;
        let again = self.cell(&service, &unknown).await;
        let cached = self.cell(&service, &known).await;
        // Past the fresh time, and past every pause that the answers above asked for.
        self.pass(SECOND * 67);
        let stale = self.cell(&service, &known).await;
        let then = self.cell(&service, &known).await;
        self.clerk.clear_faults();
        self.clerk.resume_listening().await.unwrap();
        [cold, again, cached, stale, then]
    }
}

#[tokio::test]
async fn rule_8_the_fault_table() {
    fault_table(&World::new().await).await;
}

/// As Clerk is really spoken to.
#[tokio::test]
async fn rule_8_the_fault_table_over_tls_and_http2() {
    if tls::trusted("faults::table::rule_8_the_fault_table_over_tls_and_http2") {
        let world = World::over_tls().await;
        fault_table(&world).await;
        let (made, by_http2) = world.tls.as_ref().unwrap().connections();
        assert!(by_http2 >= ROWS.len() - 1, "{by_http2} of {made}");
    }
}

async fn fault_table(world: &World) {
    println!("what Clerk does        cold     again    cached   stale    then");
    for Row(name, fault, expected) in ROWS {
        let found = world.cells(fault()).await;
        let shown = found.map(|(status, calls)| format!("{status}, {calls}"));
        println!("{name:<22} {}", shown.join("   "));
        assert_eq!(found, expected, "{name}");
    }
    println!(
        "{} behaviours, each status with its number of calls",
        ROWS.len()
    );
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
