//! Hashes that could name a token, on the lengths that tokens have.

use std::hint::black_box;

use aws_lc_rs::{digest, hmac};
use highway::{HighwayHash as _, HighwayHasher, Key};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::support::rows::Rows;
use crate::support::stopwatch::{Subject, interleave, subject};

/// An opaque token, an M2M JWT, the longest token that is read.
const LENGTHS: [usize; 3] = [48, 790, 8_192];

const NAMES: [&str; 5] = [
    "HMAC-SHA-256",
    "SHA-256, key first",
    "BLAKE3, keyed",
    "HighwayHash-128, keyed",
    "SipHash-2-4-128",
];

pub(crate) fn run(rows: &mut Rows) {
    for len in LENGTHS {
        let token = vec![b'x'; len];
        let times = interleave(400, subjects(&token));
        for (n, name) in NAMES.into_iter().enumerate() {
            rows.note(
                format!("{name}, {len} bytes"),
                format!("{:.0} ns", times.least(n)),
            );
        }
    }
}

fn subjects(token: &[u8]) -> Vec<Subject<'_>> {
    let key = [7; 32];
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut begun = digest::Context::new(&digest::SHA256);
    begun.update(&key);
    vec![
        subject(move || hmac::sign(&mac, black_box(token))),
        subject(move || {
            let mut context = begun.clone();
            context.update(black_box(token));
            context.finish()
        }),
        subject(move || blake3::keyed_hash(&key, black_box(token))),
        subject(|| HighwayHasher::new(Key([1, 2, 3, 4])).hash128(black_box(token))),
        subject(|| {
            let mut hasher = SipHasher24::new_with_keys(1, 2);
            std::hash::Hasher::write(&mut hasher, black_box(token));
            hasher.finish128().as_u128()
        }),
    ]
}
