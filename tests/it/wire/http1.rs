//! The table of HTTP/1.1 requests: field lines as they are written, and what each is answered with.

use crate::wire::server::{Server, statuses};

/// `T` stands for a good token. `\r\n` ends each line but the last.
const ROWS: [(&str, u16); 77] = [
    // One token.
    ("Authorization: Bearer T", 200),
    ("authorization: bearer T", 200),
    ("AUTHORIZATION: BEARER T", 200),
    ("Authorization: bEaReR T", 200),
    ("Authorization: Bearer  T", 200),
    ("Authorization: Bearer          T", 200),
    ("Authorization:Bearer T", 200),
    ("Authorization: \t Bearer T \t ", 200),
    ("X-Api-Key: T", 200),
    ("x-api-key:T", 200),
    ("Authorization: Basic dTpw\r\nX-Api-Key: T", 200),
    ("Authorization:\r\nX-Api-Key: T", 200),
    ("Cookie: __session=x\r\nAuthorization: Bearer T", 200),
    (
        "Proxy-Authorization: Bearer x\r\nAuthorization: Bearer T",
        200,
    ),
    // No token.
    ("X-Nothing: 1", 401),
    ("Authorization:", 401),
    ("Authorization: ", 401),
    ("Authorization: \t", 401),
    ("Authorization: Basic dTpw", 401),
    ("Authorization: Basic T", 401),
    ("Authorization: Digest username=\"a\", realm=\"b\"", 401),
    ("Authorization: DPoP T", 401),
    ("Authorization: Bearer2 T", 401),
    ("Authorization: XBearer T", 401),
    ("Cookie: __session=T", 401),
    ("Cookie: Authorization=Bearer T", 401),
    ("Proxy-Authorization: Bearer T", 401),
    ("X-Forwarded-Authorization: Bearer T", 401),
    ("X-Authorization: Bearer T", 401),
    ("X-Clerk-Machine: mch_a", 401),
    ("X_Api_Key: T", 401),
    ("X-HTTP-Method-Override: OPTIONS", 401),
    // Not exactly one token.
    ("Authorization: Bearer", 400),
    ("Authorization: Bearer ", 400),
    ("Authorization: T", 400),
    ("Authorization: mt_a", 400),
    ("Authorization: Bearer\tT", 400),
    ("Authorization: Bearer \tT", 400),
    ("Authorization: Bearer T x", 400),
    ("Authorization: Bearer T,", 400),
    ("Authorization: Bearer T, Bearer T", 400),
    ("Authorization: Bearer T,T", 400),
    ("Authorization: Basic dTpw, Bearer T", 400),
    ("Authorization: Basic dTpw,bearer T", 400),
    ("Authorization: Bearer Bearer T", 400),
    ("Authorization: Bearer: T", 400),
    ("Authorization: Bearer=T", 400),
    ("Authorization: Bearer,T", 400),
    ("Authorization: ,Bearer T", 400),
    ("Authorization: Bearer \"T\"", 400),
    ("Authorization: Bearer 'T'", 400),
    ("Authorization: Bearer <T>", 400),
    ("Authorization: Bearer T;a=b", 400),
    ("Authorization: Bearer token=T", 400),
    ("Authorization: Bearer %54", 400),
    ("Authorization: Bearer a=b", 400),
    ("Authorization: Bearer ====", 400),
    ("Authorization: Bearer a\u{e9}b", 400),
    ("Authorization: Bearer \u{feff}T", 400),
    ("Authorization: \u{a0}Bearer T", 400),
    ("Authorization: Bearer\u{a0}T", 400),
    ("Authorization: Bearer T\u{200b}", 400),
    ("Authorization: Bearer T\r\nAuthorization: Bearer T", 400),
    ("Authorization: Bearer T\r\nauthorization: Basic dTpw", 400),
    ("Authorization: Basic dTpw\r\nAuthorization: Bearer T", 400),
    ("Authorization:\r\nAuthorization: Bearer T", 400),
    ("Authorization: Bearer T\r\nX-Api-Key: T", 400),
    ("X-Api-Key: T\r\nX-Api-Key: T", 400),
    ("X-Api-Key:", 400),
    ("X-Api-Key: Bearer T", 400),
    ("X-Api-Key: T,T", 400),
    // What the server itself refuses, before the layer sees it.
    ("Authorization : Bearer T", 400),
    ("Authorization: Bearer T\u{0}", 400),
    ("Authorization: Bearer a\u{7f}b", 400),
    ("Authorization: Bearer\r\n T", 400),
    // A bad token.
    ("Authorization: Bearer mt_made_up_token", 401),
    ("Authorization: Bearer whatever", 401),
];

#[tokio::test]
async fn rule_1_each_row_gets_its_status_and_only_good_ones_get_in() {
    let server = Server::start().await;
    for (fields, expected) in ROWS {
        let fields = with_token(fields, &server.token);
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n\r\n");
        let answer = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&answer), [expected], "{fields}");
        let entered = usize::from(expected == 200);
        assert_eq!(server.entries(), entered, "{fields}");
    }
}

/// A `T` that stands alone is the token.
fn with_token(fields: &str, token: &str) -> String {
    let alone = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
    let chars: Vec<char> = fields.chars().collect();
    let mut text = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        if *c == 'T' && alone(before) && alone(chars.get(at + 1).copied()) {
            text.push_str(token);
        } else {
            text.push(*c);
        }
    }
    text
}

#[tokio::test]
async fn rule_1_a_token_of_8192_bytes_is_read_and_one_more_is_not() {
    let server = Server::start().await;
    for (length, expected) in [(8_192, 401), (8_193, 400), (60_000, 400)] {
        let token = format!("mt_{}", "a".repeat(length - 3));
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let answer = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&answer), [expected], "{length}");
    }
    assert_eq!(
        server
            .clerk
            .calls(clerk_machine_auth::testing::Endpoint::Any),
        1
    );
}

#[tokio::test]
async fn rule_1_every_byte_of_a_token_outside_the_alphabet_is_refused() {
    let server = Server::start().await;
    for byte in (1..=255_u8).filter(|byte| !b"\r\n".contains(byte)) {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer mt_a";
        let request = [head.as_slice(), &[byte], b"bcdefgh\r\n\r\n"].concat();
        let answer = server.exchange(&request).await;
        let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let expected = if allowed { 401 } else { 400 };
        assert_eq!(statuses(&answer), [expected], "{byte:#04x}");
    }
    assert_eq!(server.entries(), 0);
}

#[tokio::test]
async fn rule_17_no_method_and_no_path_is_a_way_around() {
    let server = Server::start().await;
    for method in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO",
    ] {
        for path in [
            "/",
            "/health",
            "//",
            "/%2e%2e/",
            "/;a",
            "/?token=mt_a&access_token=mt_a",
            "*",
        ] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = server.exchange(request.as_bytes()).await;
            assert!(
                !statuses(&answer).contains(&200),
                "{method} {path}: {answer}"
            );
        }
    }
    assert_eq!(server.entries(), 0);
}

#[tokio::test]
async fn rule_16_no_byte_of_a_request_comes_back() {
    let server = Server::start().await;
    let canary = "canary4f8a";
    for fields in [
        format!("Authorization: Bearer mt_{canary}"),
        format!("Authorization: Bearer {canary},{canary}"),
        format!("Authorization: {canary}"),
        format!("X-Api-Key: {canary}\r\nX-{canary}: {canary}"),
    ] {
        let request = format!(
            "GET /{canary} HTTP/1.1\r\nHost: {canary}\r\nConnection: close\r\n{fields}\r\n\r\n"
        );
        let answer = server.exchange(request.as_bytes()).await;
        assert!(!answer.is_empty() && !answer.contains(canary), "{answer}");
    }
}
