//! A protected service on a real socket, for HTTP/1.1 and HTTP/2, that counts who gets in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use clerk_machine_auth::ClerkMachineAuth;
use clerk_machine_auth::testing::ClerkEmulator;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Server {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    entered: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let token = clerk.m2m_token(&caller).create().token().to_owned();
        let entered = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&entered);
        let app = Router::new()
            .fallback(move || async move {
                counter.fetch_add(1, Ordering::SeqCst);
                "in"
            })
            .layer(
                ClerkMachineAuth::new(clerk.authenticator_for(&me))
                    .api_key_header(http::HeaderName::from_static("x-api-key")),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, app));
        Self {
            clerk,
            address,
            token,
            entered,
        }
    }

    /// How many requests got in since the last call.
    pub(crate) fn entries(&self) -> usize {
        self.entered.swap(0, Ordering::SeqCst)
    }

    /// Writes bytes and returns all that comes back until the connection closes.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A server that refuses what it was sent may reset the connection after its answer.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

async fn serve(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            // A client that breaks the protocol is not this test's failure.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The statuses of the answers in what came back.
pub(crate) fn statuses(answers: &str) -> Vec<u16> {
    answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer[..3].parse().unwrap())
        .collect()
}
