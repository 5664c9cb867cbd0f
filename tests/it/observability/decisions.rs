//! What a hook and the audit log are told.

use std::sync::{Arc, Mutex};

use clerk_machine_auth::{ClerkMachineAuth, MachineAuth};

use super::scenario::{CANARY, Scenario, app, ask};
use crate::support::log;

fn count(log: &str, words: &[&str]) -> usize {
    let is_audit = |line: &&str| line.contains("clerk_machine_auth::audit");
    let has = |line: &&str| words.iter().all(|word| line.contains(word));
    log.lines().filter(is_audit).filter(has).count()
}

#[tokio::test]
async fn the_audit_log_of_the_scenario_has_exactly_its_decisions() {
    log::listen();
    let scenario = Scenario::new().await;
    let layer = || ClerkMachineAuth::new(scenario.auth.clone()).audit(true);
    scenario.run(layer).await;
    let log = log::logged();
    assert_eq!(count(&log, &[]), 22);
    assert_eq!(
        count(
            &log,
            &["event=\"authn_login_success\"", "outcome=\"allowed\""]
        ),
        9
    );
    assert_eq!(
        count(
            &log,
            &[
                "event=\"authz_fail\"",
                "reason=\"missing_scope\"",
                "status=403"
            ]
        ),
        3
    );
    assert_eq!(
        count(&log, &["event=\"authn_login_fail\"", "outcome=\"invalid\""]),
        4
    );
    assert_eq!(
        count(&log, &["event=\"authn_login_fail\"", "outcome=\"missing\""]),
        2
    );
    assert_eq!(
        count(
            &log,
            &["event=\"authn_login_fail\"", "outcome=\"malformed\""]
        ),
        1
    );
    assert_eq!(
        count(
            &log,
            &["event=\"authn_login_fail\"", "outcome=\"unavailable\""]
        ),
        1
    );
    assert_eq!(count(&log, &["event=\"anonymous\""]), 2);
    // Who was let in is named; the tokens are nowhere, and of what was not verified nothing is.
    let named = format!("subject=\"user_{CANARY}\"");
    assert_eq!(count(&log, &[&named]), 4);
    for unverified in [
        format!("mt_{CANARY}"),
        format!("oat_{CANARY}"),
        format!("ak_{CANARY}"),
    ] {
        assert!(!log.contains(&unverified), "{unverified}");
    }
}

#[tokio::test]
async fn a_revoked_token_that_comes_back_is_a_reuse() {
    log::listen();
    let scenario = Scenario::new().await;
    let key = scenario.clerk.api_key("user_a").create();
    let app = app(ClerkMachineAuth::new(scenario.auth.clone()).audit(true));
    assert_eq!(ask(&app, "/whoami", Some(key.token())).await, 200);
    scenario
        .auth
        .revocations()
        .refuse_subject("user_a")
        .unwrap();
    assert_eq!(ask(&app, "/whoami", Some(key.token())).await, 401);
    let log = log::logged();
    assert_eq!(
        count(&log, &["event=\"authn_token_reuse\"", "reason=\"revoked\""]),
        1
    );
}

#[tokio::test]
async fn a_hook_is_told_of_each_decision_once_and_may_panic() {
    let scenario = Scenario::new().await;
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let layer = || {
        let told = Arc::clone(&told);
        ClerkMachineAuth::new(scenario.auth.clone()).on_decision(move |decision| {
            let subject = decision.subject.map(str::to_owned);
            let seen = (decision.outcome, subject, decision.cached);
            told.lock().unwrap().push(seen);
            panic!("on purpose");
        })
    };
    scenario.run(layer).await;
    // The counters tell the same, and no panic of the hook reached a request.
    let stats = scenario.auth.stats();
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.len() as u64, stats.requests.total());
    let of = |word: &str| told.iter().filter(|it| it.0.as_str() == word).count() as u64;
    assert_eq!(of("allowed"), stats.requests.allowed.total());
    assert_eq!(of("forbidden"), stats.requests.forbidden.total());
    assert_eq!(of("invalid"), stats.requests.invalid.total());
    let cached = told.iter().filter(|it| it.2).count() as u64;
    assert_eq!(cached, stats.lookups.hit + stats.lookups.negative);
    let of_forbidden = told.iter().find(|it| it.0.as_str() == "forbidden");
    let subject = of_forbidden.and_then(|it| it.1.as_deref());
    assert_eq!(subject, Some(&*format!("user_{CANARY}2")));
}

#[tokio::test]
async fn one_decision_holds_what_is_known_of_a_token() {
    let scenario = Scenario::new().await;
    let key = scenario.clerk.api_key("user_a").create();
    let id: Arc<Mutex<Option<String>>> = Arc::default();
    let seen = Arc::clone(&id);
    let layer = ClerkMachineAuth::new(scenario.auth.clone()).on_decision(move |decision| {
        *seen.lock().unwrap() = decision.token_id.map(str::to_owned);
        assert!(decision.kind.is_none() && decision.reason.is_none());
    });
    assert_eq!(ask(&app(layer), "/whoami", Some(key.token())).await, 200);
    let auth: MachineAuth = scenario.auth.verify(key.token()).await.unwrap();
    assert_eq!(id.lock().unwrap().as_deref(), Some(auth.id()));
}
