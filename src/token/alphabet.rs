//! Looks at every byte of a token once, and tells what may stand where.
//!
//! A JWT has hundreds of bytes and each request brings one, so the loop is written for the
//! compiler to take sixteen bytes at a time: no early exit, no table, and a place of its own for
//! each of the sixteen.

/// What a token is made of, its padding apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters {
    /// Nothing but the alphabet of a `b64token` (RFC 6750 §2.1).
    pub(super) is_b64token: bool,
    /// Nothing but the alphabet of base64url and dots (RFC 7515 §2).
    pub(super) is_base64url: bool,
    /// Exact up to 255.
    pub(super) dots: usize,
}

/// As many bytes as one vector register of the oldest x86-64 and Arm processors has.
const WIDTH: usize = 16;

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" )`, without the padding.
pub(super) fn letters(body: &[u8]) -> Letters {
    let (chunks, rest) = body.as_chunks::<WIDTH>();
    let mut lanes = Lanes::default();
    for chunk in chunks {
        lanes.take(chunk);
    }
    let mut last = [b'a'; WIDTH];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    lanes.take(&last);
    lanes.letters(body.is_empty())
}

/// What was seen in each place of a chunk.
#[derive(Debug, Default)]
struct Lanes {
    foreign: [u8; WIDTH],
    extra: [u8; WIDTH],
    dots: [u8; WIDTH],
}

impl Lanes {
    #[inline]
    fn take(&mut self, chunk: &[u8; WIDTH]) {
        let lanes = self
            .foreign
            .iter_mut()
            .zip(&mut self.extra)
            .zip(&mut self.dots);
        for (byte, ((foreign, extra), dots)) in chunk.iter().copied().zip(lanes) {
            let is_extra = (byte == b'+') | (byte == b'/') | (byte == b'~');
            // `-`, `.`, `/` and the digits stand side by side.
            let is_near_digit = byte.wrapping_sub(b'-') < 13;
            let is_known = is_letter(byte) | is_near_digit | (byte == b'_') | is_extra;
            *foreign |= u8::from(!is_known);
            *extra |= u8::from(is_extra);
            *dots = dots.saturating_add(u8::from(byte == b'.'));
        }
    }

    fn letters(&self, is_empty: bool) -> Letters {
        let none = |seen: &[u8; WIDTH]| seen.iter().fold(0, |all, lane| all | lane) == 0;
        let is_b64token = !is_empty && none(&self.foreign);
        Letters {
            is_b64token,
            is_base64url: is_b64token && none(&self.extra),
            dots: self.dots.iter().map(|dots| usize::from(*dots)).sum(),
        }
    }
}

/// `A`–`Z` and `a`–`z`.
const fn is_letter(byte: u8) -> bool {
    (byte | 0x20).wrapping_sub(b'a') < 26
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_1_every_byte_is_told_as_the_standards_have_it() {
        for byte in 0..=255_u8 {
            let base64url = byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            let expected = Letters {
                is_b64token: base64url || b".~+/".contains(&byte),
                is_base64url: base64url || byte == b'.',
                dots: usize::from(byte == b'.'),
            };
            assert_eq!(letters(&[byte]), expected, "{byte:#x}");
        }
    }

    #[test]
    fn rule_1_one_foreign_byte_is_seen_wherever_it_stands() {
        for at in 0..400 {
            let mut body = vec![b'a'; 400];
            body[at] = b'+';
            assert!(
                letters(&body).is_b64token && !letters(&body).is_base64url,
                "{at}"
            );
            body[at] = b'=';
            assert!(!letters(&body).is_b64token, "{at}");
        }
        assert_eq!(letters(&[b'.'; 255]).dots, 255);
        assert!(letters(&[b'.'; 8_192]).dots > 255);
        assert!(!letters(b"").is_b64token);
    }
}
