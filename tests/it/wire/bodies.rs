//! What follows the fields: bodies, trailers, and the next request on the connection.

use crate::wire::server::{Server, statuses};

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}")
}

#[tokio::test]
async fn rule_1_a_token_in_a_body_or_in_trailers_is_not_looked_at() {
    let server = Server::start().await;
    let token = &server.token;
    let form = format!("access_token={token}");
    let fields = format!(
        "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}",
        form.len()
    );
    let answer = server.exchange(post(&fields, &form).as_bytes()).await;
    assert_eq!(statuses(&answer), [401]);
    let chunked = format!("1\r\nx\r\n0\r\nAuthorization: Bearer {token}\r\n\r\n");
    let fields = "Connection: close\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization";
    let answer = server.exchange(post(fields, &chunked).as_bytes()).await;
    assert_eq!(statuses(&answer), [401]);
    assert_eq!(server.entries(), 0);
}

#[tokio::test]
async fn rule_16_the_request_after_a_rejected_one_is_read_as_itself() {
    let server = Server::start().await;
    let good = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        server.token
    );
    // The body of the rejected request looks like a request; it must not be taken for one.
    let smuggled = format!(
        "GET /smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        server.token
    );
    for bad in [
        "X-None: 1",
        "Authorization: Bearer a b",
        "Authorization: Bearer mt_made_up",
    ] {
        let fields = format!("{bad}\r\nContent-Length: {}", smuggled.len());
        let both = format!("{}{good}", post(&fields, &smuggled));
        let answer = server.exchange(both.as_bytes()).await;
        let statuses = statuses(&answer);
        // The server may close instead of reading the rest, and never reads it as two requests.
        assert!(
            statuses.len() <= 2 && [400, 401].contains(&statuses[0]),
            "{answer}"
        );
        assert_eq!(statuses.get(1).is_some(), server.entries() == 1, "{answer}");
    }
}

#[tokio::test]
async fn rule_16_a_rejected_upload_is_not_asked_for() {
    let server = Server::start().await;
    let fields = "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 1073741824";
    let answer = server.exchange(post(fields, "").as_bytes()).await;
    assert_eq!(statuses(&answer), [401], "no 100 before it: {answer}");
}

#[tokio::test]
async fn rule_1_pipelined_requests_are_each_decided_on() {
    let server = Server::start().await;
    let request = |field: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
    let good = format!("Authorization: Bearer {}", server.token);
    let last = format!("{good}\r\nConnection: close");
    let pipeline: String = [
        good.as_str(),
        "X-None: 1",
        "Authorization: Bearer a b",
        &good,
        &last,
    ]
    .into_iter()
    .map(request)
    .collect();
    let answer = server.exchange(pipeline.as_bytes()).await;
    assert_eq!(statuses(&answer), [200, 401, 400, 200, 200]);
    assert_eq!(server.entries(), 3);
}
