//! Tokens of the greatest length that are let in, made to cost as much as they can.
//!
//! A token is made of as many values of one shape as are admitted, which is found by trying, and is
//! filled up to 8 KiB with text of one kind, within the values or, where they have no room, behind
//! them. So a bound that changes in the crate moves the edge, and no refusal is measured.

use clerk_machine_auth::Authenticator;
use futures_util::FutureExt as _;
use serde_json::json;

use super::clerk::local;
use super::tokens::{HEADER, Issuer, ME, SENDER, now};

/// A token of nearly 8 KiB.
pub(crate) struct Worst {
    pub(crate) shape: &'static str,
    pub(crate) filling: &'static str,
    pub(crate) text: String,
    /// Its signature is good, and it is let in.
    pub(crate) is_signed: bool,
}

/// The longest token that is looked at.
const LONGEST: usize = 8_192;

/// More values than any token of that length has room for.
const TOO_MANY: usize = 8_192;

/// What a claim holds many of.
struct Shape {
    name: &'static str,
    claim: &'static str,
    before: &'static str,
    /// One value, with its number and its share of the filling.
    value: fn(usize, &str) -> String,
    between: &'static str,
    after: &'static str,
}

const SHAPES: [Shape; 9] = [
    list("texts", |_, text| format!("\"{text}\"")),
    list("numbers", |_, text| {
        format!("0.{}", "7".repeat(text.len().max(1)))
    }),
    list("empty lists", |_, _| "[]".to_owned()),
    list("objects", |_, text| format!("{{\"{text}\":0}}")),
    list("deep lists", |_, _| {
        format!("{}{}", "[".repeat(60), "]".repeat(60))
    }),
    members("members", |n, text| format!("\"{n:x}{text}\":0")),
    members("members that begin alike", |n, text| {
        format!("\"{text}{n:x}\":0")
    }),
    Shape {
        claim: "aud",
        ..list("audiences", |_, text| format!("\"{text}\""))
    },
    Shape {
        name: "scopes in one text",
        claim: "scope",
        before: "\"",
        value: |_, text| text.to_owned(),
        between: " ",
        after: "\"",
    },
];

const fn list(name: &'static str, value: fn(usize, &str) -> String) -> Shape {
    Shape {
        name,
        claim: "a",
        before: "[",
        value,
        between: ",",
        after: "]",
    }
}

const fn members(name: &'static str, value: fn(usize, &str) -> String) -> Shape {
    Shape {
        name,
        claim: "a",
        before: "{",
        value,
        between: ",",
        after: "}",
    }
}

/// The kinds of text, and what each repeats.
const FILLINGS: [(&str, &str); 4] = [
    ("letters", "x"),
    ("escapes", "\\u00e9"),
    ("short escapes", "\\nxxxx"),
    ("pairs of escapes", "\\ud83d\\ude00"),
];

/// Every shape with every filling, twice: with a good signature, and without one.
pub(crate) fn worst(issuer: &Issuer) -> Vec<Worst> {
    let clerk = local(issuer);
    let both = SHAPES
        .iter()
        .flat_map(|shape| FILLINGS.map(|filling| (shape, filling)));
    let mut tokens: Vec<Worst> = both
        .map(|(shape, (filling, unit))| Worst {
            shape: shape.name,
            filling,
            text: edge(issuer, &clerk, shape, unit),
            is_signed: true,
        })
        .collect();
    let bad: Vec<Worst> = tokens.iter().map(unsigned).collect();
    tokens.extend(bad);
    tokens
}

/// The token of as many values of a shape as are let in.
fn edge(issuer: &Issuer, clerk: &Authenticator, shape: &Shape, unit: &str) -> String {
    let token = |count: usize| Some(issuer.sign(HEADER, &filled(shape, unit, count)?));
    let is_good = |token: &String| {
        clerk
            .verify(token)
            .now_or_never()
            .is_some_and(|it| it.is_ok())
    };
    let (mut fits, mut too_many) = (1, TOO_MANY);
    while fits + 1 < too_many {
        let middle = fits.midpoint(too_many);
        if token(middle).as_ref().is_some_and(is_good) {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    token(fits).filter(is_good).expect("one value is let in")
}

/// Claims with so many values, as long as a token may be; nothing if they have no room.
fn filled(shape: &Shape, unit: &str, count: usize) -> Option<String> {
    let room = (LONGEST - HEADER.len() * 4 / 3 - 350) * 3 / 4;
    let rest = room.checked_sub(claims(shape, count, "", "").len())?;
    let share = unit.repeat(rest / unit.len() / count);
    let shared = claims(shape, count, &share, "");
    let rest = room.checked_sub(shared.len())?;
    Some(claims(
        shape,
        count,
        &share,
        &unit.repeat(rest / unit.len()),
    ))
}

fn claims(shape: &Shape, count: usize, share: &str, rest: &str) -> String {
    let now = now().as_secs();
    let claims =
        json!({"sub": SENDER, "jti": "mt_1", "exp": now + 86_400, "scopes": [ME]}).to_string();
    let Shape {
        claim,
        before,
        value,
        between,
        after,
        ..
    } = shape;
    let values: Vec<_> = (0..count).map(|n| value(n, share)).collect();
    let values = values.join(between);
    format!(
        "{},\"z\":\"{rest}\",\"{claim}\":{before}{values}{after}}}",
        claims.trim_end_matches('}')
    )
}

fn unsigned(token: &Worst) -> Worst {
    let (message, signature) = token.text.rsplit_once('.').unwrap_or_default();
    Worst {
        text: format!("{message}.{}", "A".repeat(signature.len())),
        is_signed: false,
        ..*token
    }
}
