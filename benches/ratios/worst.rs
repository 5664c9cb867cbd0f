//! What the worst tokens cost that are let in: as long as may be, and full of values.

use std::cell::RefCell;

use crate::cold::{Raw, newcomer, signed, verifies};
use crate::support::rows::Rows;
use crate::support::stopwatch::{Subject, interleave, per_call};
use crate::support::tokens::Issuer;
use crate::support::worst::{Worst, worst};

const ROUNDS: usize = 40;

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
    let ratios = tokens.iter().enumerate().map(|(n, token)| {
        let ratio = times.median(|time| time(n + 1) / time(0));
        (token, ratio)
    });
    let ratios: Vec<_> = ratios.collect();
    let names = [
        ("that anybody can send", false),
        ("that Clerk has signed", true),
    ];
    for (sender, is_signed) in names {
        let such = ratios
            .iter()
            .filter(|(token, _)| token.is_signed == is_signed);
        report(rows, sender, such.copied().collect());
    }
}

/// One row for each shape, with its worst filling, and one for the worst of all.
fn report(rows: &mut Rows, sender: &str, mut ratios: Vec<(&Worst, f64)>) {
    ratios.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut shapes: Vec<&str> = Vec::new();
    for (token, ratio) in &ratios {
        if !shapes.contains(&token.shape) {
            shapes.push(token.shape);
            let name = format!(
                "token {sender}, {} and {}: time / RS256",
                token.shape, token.filling
            );
            rows.note(name, format!("{ratio:.2} ×"));
        }
    }
    let worst = ratios.first().map_or(f64::NAN, |(_, ratio)| *ratio);
    rows.at_most(
        format!("worst token {sender}: time / RS256"),
        worst,
        3.0,
        " ×",
    );
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
            token.is_signed,
            "{}",
            token.shape
        );
        per_call(start, 1)
    })
}
