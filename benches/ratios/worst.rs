//! What the worst tokens cost: as long as may be, and all of it brackets, numbers or names.

use std::cell::RefCell;

use crate::cold::{Raw, newcomer, signed, verifies};
use crate::support::rows::Rows;
use crate::support::stopwatch::{Subject, interleave, per_call};
use crate::support::tokens::Issuer;
use crate::support::worst::{Worst, worst};

const ROUNDS: usize = 60;

pub(crate) fn run(rows: &mut Rows, issuer: &Issuer) {
    let tokens = worst(issuer);
    let http = reqwest::Client::new();
    let usual = issuer.m2m(1);
    let raw = Raw::new(issuer);
    let (message, signature) = signed(&usual);
    let mut subjects: Vec<Subject<'_>> = vec![Box::new(move || {
        let start = std::time::Instant::now();
        assert!(raw.verifies(message, &signature));
        per_call(start, 1)
    })];
    for token in &tokens {
        subjects.push(cold(issuer, &http, &usual, token));
    }
    let times = interleave(ROUNDS, subjects);
    let ratio = |n: usize| times.median(|time| time(n + 1) / time(0));
    for (n, token) in tokens.iter().enumerate() {
        let signed = if token.is_signed { "" } else { ", unsigned" };
        rows.note(
            format!("worst token, {}{signed}: time / RS256", token.name),
            format!("{:.2} ×", ratio(n)),
        );
    }
    let worst = |is_signed: bool| {
        let such = (0..tokens.len()).filter(|n| tokens[*n].is_signed == is_signed);
        such.map(ratio).fold(0.0, f64::max)
    };
    let name = "worst token that anybody can send: time / RS256";
    rows.at_most(name, worst(false), 3.0, " ×");
    let name = "worst token that Clerk has signed: time / RS256";
    rows.at_most(name, worst(true), 3.0, " ×");
}

fn cold<'a>(
    issuer: &'a Issuer,
    http: &'a reqwest::Client,
    usual: &'a str,
    token: &'a Worst,
) -> Subject<'a> {
    let clerk = RefCell::new(None);
    Box::new(move || {
        let clerk = clerk.borrow_mut().insert(newcomer(issuer, http)).clone();
        assert!(
            verifies(&clerk, usual),
            "the first token of all fills tables"
        );
        let start = std::time::Instant::now();
        assert_eq!(
            verifies(&clerk, &token.text),
            token.is_good,
            "{}",
            token.name
        );
        per_call(start, 1)
    })
}
