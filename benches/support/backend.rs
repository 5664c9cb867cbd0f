//! A Backend API that knows every token: answers at once, or after a pause.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::tokens::{ME, SENDER};

/// A server on a thread of its own, until the process ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backend {
    address: SocketAddr,
}

impl Backend {
    pub(crate) fn start(pause: Duration) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a socket is set up");
        let address = listener.local_addr().expect("a socket has an address");
        std::thread::spawn(move || serve(listener, pause));
        Self { address }
    }

    pub(crate) fn url(self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(listener: std::net::TcpListener, pause: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime is built");
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener).expect("a socket is taken over");
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, pause));
        }
    });
}

async fn answer_all(mut stream: TcpStream, pause: Duration) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut read = Vec::with_capacity(4_096);
    loop {
        let body = loop {
            if let Some(request) = Request::whole(&read) {
                break request;
            }
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        };
        let answer = body.answer();
        read.drain(..body.len);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// A request that has arrived as a whole.
struct Request {
    token: Option<String>,
    len: usize,
}

impl Request {
    fn whole(read: &[u8]) -> Option<Self> {
        let head = read.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(read.get(..head)?)
            .ok()?
            .to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1);
        let length = length
            .and_then(|rest| rest.lines().next()?.parse().ok())
            .unwrap_or(0);
        let body = read.get(head..head + length)?;
        // {"secret":"<token>"}
        let token = std::str::from_utf8(body)
            .ok()?
            .split('"')
            .nth(3)
            .map(str::to_owned);
        Some(Self {
            token,
            len: head + length,
        })
    }

    fn answer(&self) -> String {
        let body = match &self.token {
            Some(token) => api_key(token),
            None => machine(),
        };
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// The identifier is of the length that Clerk's have, and the subject differs by token.
fn api_key(token: &str) -> String {
    let number = &token[token.len() - 24..];
    format!(
        r#"{{"object":"api_key","id":"ak_x{number}xxx","type":"api_key","name":"ci","subject":"user_x{number}xx","scopes":["reports:read","reports:write"],"claims":null,"revoked":false,"expired":false,"expiration":null,"created_at":1800000000000,"updated_at":1800000000000}}"#
    )
}

fn machine() -> String {
    format!(
        r#"{{"object":"machine","id":"{SENDER}","name":"billing","instance_id":"ins_2yhFjEI5X2qWRvtV13BzSj8H6Dk","scoped_machines":[{{"id":"{ME}","name":"me"}}],"created_at":1800000000000,"updated_at":1800000000000}}"#
    )
}
