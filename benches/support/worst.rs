//! Tokens of the greatest length, made to cost as much as they can.

use serde_json::json;

use super::tokens::{HEADER, Issuer, ME, SENDER, now};

/// A token of nearly 8 KiB.
pub(crate) struct Worst {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) is_signed: bool,
    /// It is let in.
    pub(crate) is_good: bool,
}

/// What a claim is filled with: what stands around, and what is repeated within.
const SHAPES: [(&str, &str, &str, &str); 8] = [
    ("one text", "\"", "x", "\""),
    ("empty lists", "[0", ",[]", "]"),
    ("numbers", "[0", ",0", "]"),
    ("objects", "[0", ",{\"\":0}", "]"),
    ("deep lists", "[", "", "]"),
    ("audiences", "[\"b\"", ",\"a\"", "]"),
    ("scopes in one text", "\"a", " a", "\""),
    ("escapes", "\"", "\\u00e9", "\""),
];

/// Every shape twice: with a good signature, and without one.
pub(crate) fn worst(issuer: &Issuer) -> Vec<Worst> {
    let mut tokens: Vec<Worst> = SHAPES
        .into_iter()
        .map(|shape| good(issuer, shape))
        .collect();
    tokens.push(many_members(issuer));
    let bad: Vec<Worst> = tokens.iter().map(unsigned).collect();
    tokens.extend(bad);
    tokens
}

fn good(issuer: &Issuer, (name, before, within, after): (&'static str, &str, &str, &str)) -> Worst {
    let filled = |count: usize| match name {
        "deep lists" => deep(count),
        _ => format!("{before}{}{after}", within.repeat(count)),
    };
    // Audience and scopes are read, the other claims are only checked.
    let claim = match name {
        "audiences" => "aud",
        "scopes in one text" => "scope",
        _ => "a",
    };
    let text = longest(issuer, |count| format!("\"{claim}\":{}", filled(count)));
    Worst {
        name,
        text,
        is_signed: true,
        // A list so long is not read to its end.
        is_good: claim == "a",
    }
}

/// Lists sixty deep, one after the other.
fn deep(count: usize) -> String {
    let one = format!("{}{}", "[".repeat(60), "]".repeat(60));
    format!("[{}]", vec![one; count.max(1)].join(","))
}

fn many_members(issuer: &Issuer) -> Worst {
    let member = |n: usize| format!("\"{n:x}\":0");
    let text = longest(issuer, |count| {
        let members: Vec<_> = (0..=count).map(member).collect();
        format!("\"a\":{{{}}}", members.join(","))
    });
    Worst {
        name: "members",
        text,
        is_signed: true,
        is_good: true,
    }
}

/// The longest token of at most 8 KiB.
fn longest(issuer: &Issuer, claim: impl Fn(usize) -> String) -> String {
    let length = |count: usize| 4 * (claims(&claim(count)).len() + HEADER.len()) / 3 + 350;
    let (mut fits, mut too_long) = (0, 8_192);
    while fits + 1 < too_long {
        let middle = (fits + too_long) / 2;
        if length(middle) <= 8_192 {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    issuer.sign(HEADER, &claims(&claim(fits)))
}

fn claims(filling: &str) -> String {
    let now = now().as_secs();
    let claims =
        json!({"sub": SENDER, "jti": "mt_1", "exp": now + 86_400, "scopes": [ME]}).to_string();
    format!("{},{filling}}}", claims.trim_end_matches('}'))
}

fn unsigned(token: &Worst) -> Worst {
    let (message, signature) = token.text.rsplit_once('.').unwrap_or_default();
    Worst {
        name: token.name,
        text: format!("{message}.{}", "A".repeat(signature.len())),
        is_signed: false,
        is_good: false,
    }
}
