//! The rows that HTTP/2 can carry.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::wire::server::Server;

/// Header fields, in their order.
type Fields<'a> = &'a [(&'static str, &'a [u8])];

async fn status(server: &Server, fields: Fields<'_>) -> u16 {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = Request::get("http://a/")
        .body(Empty::<Bytes>::new())
        .unwrap();
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value).unwrap();
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
    sender
        .send_request(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn rule_1_http2_is_no_way_around() {
    let server = Server::start().await;
    let good = format!("Bearer {}", server.token);
    let (good, token) = (good.as_bytes(), server.token.as_bytes());
    let lower = [b"bearer ".as_slice(), token].concat();
    let rows: [(Fields<'_>, u16); 14] = [
        (&[("authorization", good)], 200),
        (&[("authorization", &lower)], 200),
        (&[("x-api-key", token)], 200),
        (&[], 401),
        (&[("authorization", b"")], 401),
        (&[("authorization", b"Basic dTpw")], 401),
        (&[("cookie", token)], 401),
        (&[("proxy-authorization", good)], 401),
        (&[("authorization", b"Bearer mt_made_up")], 401),
        (&[("authorization", good), ("authorization", good)], 400),
        (&[("authorization", good), ("x-api-key", token)], 400),
        (&[("authorization", b"Bearer a, Bearer b")], 400),
        (&[("authorization", b"Bearer \xff\xfe")], 400),
        (&[("authorization", token)], 400),
    ];
    for (fields, expected) in rows {
        assert_eq!(status(&server, fields).await, expected, "{fields:?}");
        assert_eq!(server.entries(), usize::from(expected == 200), "{fields:?}");
    }
}
