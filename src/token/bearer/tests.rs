//! Tests of the extraction from header fields.

use super::*;
use http::HeaderValue;

const SOURCE: TokenSource = TokenSource {
    api_key_header: Some(HeaderName::from_static("x-api-key")),
    max_len: 16,
};

fn find(lines: &[(&'static str, &[u8])]) -> Result<Option<String>, Malformed> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    let found = SOURCE.find(&headers)?;
    let read = |(token, _): (RawToken<'_>, _)| Ok(token.parse()?.as_str().to_owned());
    found.map(read).transpose()
}

fn authorization(value: &[u8]) -> Result<Option<String>, Malformed> {
    find(&[("authorization", value)])
}

#[test]
fn rule_1_one_bearer_token_is_taken() {
    for value in [
        "Bearer mt_a/+~.-_=",
        "bearer mt_a/+~.-_=",
        "BEARER   mt_a/+~.-_=",
    ] {
        assert_eq!(
            authorization(value.as_bytes()),
            Ok(Some("mt_a/+~.-_=".into())),
            "{value}"
        );
    }
    assert_eq!(find(&[("x-api-key", b"ak_1")]), Ok(Some("ak_1".into())));
    assert_eq!(
        find(&[("authorization", b"Basic dTpw"), ("x-api-key", b"ak_1")]),
        Ok(Some("ak_1".into()))
    );
}

#[test]
fn rule_2_no_token_and_other_schemes() {
    assert_eq!(find(&[]), Ok(None));
    for value in [
        "",
        "Basic dTpw",
        "Digest a=\"b\", c=d",
        "Bearer2 x",
        "DPoP x",
    ] {
        assert_eq!(authorization(value.as_bytes()), Ok(None), "{value}");
    }
}

#[test]
fn rule_1_anything_but_one_token_is_malformed() {
    use Malformed::*;
    let table: [(&[u8], Malformed); 18] = [
        (b"Bearer", NoCredentials),
        (b"Bearer ", NoCredentials),
        (b"mt_raw", NoCredentials),
        (b"Bearer\tmt_a", NoCredentials),
        (b"Bearer\tmt_a x", Characters),
        (b"Bearer \tmt_a", Characters),
        (b"Bearer: mt_a", Characters),
        (b" Bearer mt_a", Characters),
        (b"Bearer mt_a mt_b", Characters),
        (b"Bearer mt_a,", Characters),
        (b"Bearer a, Bearer b", Characters),
        (b"Bearer mt_a ", Characters),
        (b"Bearer m\xfft", Characters),
        (b"Bearer ===", Characters),
        (b"Bearer a=b", Characters),
        (b"Bearer \"mt_a\"", Characters),
        (b"Basic dTpw, bearer mt_a", SeveralTokens),
        (b"Bearer 0123456789abcdefg", TooLong),
    ];
    for (value, expected) in table {
        let shown = String::from_utf8_lossy(value);
        assert_eq!(authorization(value), Err(expected), "{shown}");
    }
    assert!(
        authorization(b"Bearer 0123456789abcdef").is_ok(),
        "the limit itself is allowed"
    );
}

#[test]
fn rule_1_two_lines_or_two_sources_are_malformed() {
    let twice = [
        ("authorization", b"Bearer a".as_slice()),
        ("authorization", b"Bearer a"),
    ];
    assert_eq!(find(&twice), Err(Malformed::SeveralLines));
    let keys = [("x-api-key", b"ak_1".as_slice()), ("x-api-key", b"ak_1")];
    assert_eq!(find(&keys), Err(Malformed::SeveralLines));
    let both = [
        ("authorization", b"Bearer a".as_slice()),
        ("x-api-key", b"ak_1"),
    ];
    assert_eq!(find(&both), Err(Malformed::SeveralTokens));
    assert_eq!(find(&[("x-api-key", b"")]), Err(Malformed::Characters));
}

#[test]
fn rule_1_every_byte_outside_the_alphabet_is_refused() {
    for byte in 0..=255_u8 {
        let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        for token in [[byte, b'a', b'b'], [b'a', byte, b'b']] {
            assert_eq!(RawToken(&token).parse().is_ok(), allowed, "{byte:#x}");
        }
        let last = RawToken(&[b'a', byte]).parse().is_ok();
        assert_eq!(last, allowed || byte == b'=', "{byte:#x} at the end");
    }
}

#[test]
fn rule_1_every_byte_is_classed_as_the_standards_say() {
    for byte in 0..=255_u8 {
        let base64url = byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let b64token = base64url || b".~+/".contains(&byte);
        assert_eq!(is_base64url(byte), base64url, "{byte:#x}");
        assert_eq!(is_b64token(byte), b64token, "{byte:#x}");
    }
}
