//! What a JWT costs that is seen for the first time, beside its signature alone.

use std::cell::Cell;
use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerk_machine_auth::Authenticator;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::support::clerk::{build, settings_of_local};
use crate::support::rows::Rows;
use crate::support::stopwatch::{BATCH, Subject, interleave, subject, subject_with};
use crate::support::tokens::Issuer;

const ROUNDS: usize = 150;

pub(crate) fn run(rows: &mut Rows, issuer: &Issuer) {
    let tokens: Vec<String> = (0..BATCH).map(|number| issuer.m2m(number)).collect();
    let times = interleave(ROUNDS, subjects(issuer, &tokens));
    let micros = |n: usize| format!("{:.1} µs", times.least(n) / 1e3);
    rows.note("RS256 of aws-lc-rs, parsed key", micros(0));
    rows.note("decode of jsonwebtoken", micros(1));
    rows.note("cold JWT", micros(2));
    let ratio = times.median(|time| time(2) / time(0));
    rows.at_most("cold JWT / RS256 of aws-lc-rs", ratio, 1.22, " ×");
    let ratio = times.median(|time| time(2) / time(1));
    rows.note("cold JWT / decode of jsonwebtoken", format!("{ratio:.2} ×"));
}

fn subjects<'a>(issuer: &'a Issuer, tokens: &'a [String]) -> Vec<Subject<'a>> {
    let clerks = Newcomers::new(issuer);
    let (next_raw, next_decoded) = (in_turn(tokens), in_turn(tokens));
    let (raw, decode) = (Raw::new(issuer), decoder(issuer));
    let mut next = in_turn(tokens);
    vec![
        subject_with(
            {
                let mut next = next_raw;
                move || signed(next())
            },
            move |(message, signature)| assert!(raw.verifies(message, &signature)),
        ),
        subject({
            let mut next = next_decoded;
            move || decode(next())
        }),
        subject_with(
            move || (clerks.next(), next()),
            |(clerk, token)| assert!(verifies(&clerk, token), "a good token is let in"),
        ),
    ]
}

fn in_turn<'a>(tokens: &'a [String]) -> impl FnMut() -> &'a str {
    let mut tokens = tokens.iter().cycle();
    move || tokens.next().expect("there are tokens")
}

/// The signature alone.
pub(crate) struct Raw(ParsedPublicKey);

impl Raw {
    pub(crate) fn new(issuer: &Issuer) -> Self {
        let key = issuer.public_key();
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        Self(key.expect("the key is parsed"))
    }

    pub(crate) fn verifies(&self, message: &str, signature: &[u8]) -> bool {
        self.0.verify_sig(message.as_bytes(), signature).is_ok()
    }
}

/// What was signed, and the signature.
pub(crate) fn signed(token: &str) -> (&str, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').expect("a JWT has dots");
    (
        message,
        URL_SAFE_NO_PAD
            .decode(signature)
            .expect("a signature is base64url"),
    )
}

fn decoder(issuer: &Issuer) -> impl Fn(&str) -> Value {
    // Fails where the crate has installed the same one already.
    let _installed = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let key = DecodingKey::from_rsa_der(&issuer.public_key());
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "sub"]);
    move |token| {
        let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation);
        decoded.expect("a good token is decoded").claims
    }
}

/// Authenticators that have seen no token yet, one for each batch.
struct Newcomers<'a> {
    issuer: &'a Issuer,
    http: reqwest::Client,
    used: Cell<usize>,
    current: std::cell::RefCell<Option<Authenticator>>,
}

impl<'a> Newcomers<'a> {
    fn new(issuer: &'a Issuer) -> Self {
        Self {
            issuer,
            http: reqwest::Client::new(),
            used: Cell::new(0),
            current: std::cell::RefCell::default(),
        }
    }

    fn next(&self) -> Authenticator {
        let used = self.used.replace(self.used.get() + 1);
        let mut current = self.current.borrow_mut();
        if used.is_multiple_of(BATCH) {
            *current = Some(newcomer(self.issuer, &self.http));
        }
        current.clone().expect("there is one")
    }
}

pub(crate) fn newcomer(issuer: &Issuer, http: &reqwest::Client) -> Authenticator {
    build(settings_of_local(issuer).http_client(http.clone()))
}

/// Verifies a JWT with the key at hand, which waits for nothing.
pub(crate) fn verifies(clerk: &Authenticator, token: &str) -> bool {
    let future = pin!(clerk.verify(token));
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    matches!(polled, Poll::Ready(Ok(_)))
}
