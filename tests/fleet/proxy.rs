//! Stands between a process and the server: delays, silences, cuts, and leads elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Free,
    Late(Duration),
    /// Connections stay open, and nothing passes.
    Silent,
    /// Connections end, and no others begin.
    Cut,
}

pub(crate) struct Proxy {
    port: u16,
    way: Arc<watch::Sender<(Way, u16)>>,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(watch::channel((Way::Free, to)).0);
        tokio::spawn({
            let way = Arc::clone(&way);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, way.subscribe()));
                }
            }
        });
        Self { port, way }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn set(&self, way: Way) {
        self.way.send_modify(|now| now.0 = way);
    }

    pub(crate) fn delay(&self, time: Duration) {
        self.set(Way::Late(time));
    }

    pub(crate) fn silence(&self) {
        self.set(Way::Silent);
    }

    pub(crate) fn cut(&self) {
        self.set(Way::Cut);
    }

    pub(crate) fn restore(&self) {
        self.set(Way::Free);
    }

    /// Ends all connections, and leads new ones to another server.
    pub(crate) fn lead_to(&self, port: u16) {
        self.way.send_modify(|now| *now = (Way::Free, port));
    }
}

async fn carry(client: TcpStream, mut way: watch::Receiver<(Way, u16)>) {
    let (now, to) = *way.borrow_and_update();
    // A connection that was made while nothing passes is never answered, later neither.
    if now == Way::Silent {
        let _ended = way.wait_for(|(way, _)| *way == Way::Cut).await;
        return;
    }
    if now == Way::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let ended = {
        let mut way = way.clone();
        async move {
            let is_over = |now: &(Way, u16)| now.0 == Way::Cut || now.1 != to;
            let _over = way.wait_for(is_over).await;
        }
    };
    tokio::select! {
        () = pass(from_client, to_server, way.clone()) => {}
        () = pass(from_server, to_client, way) => {}
        () = ended => {}
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    way: watch::Receiver<(Way, u16)>,
) {
    let mut bytes = vec![0; 65_536];
    // What has once been held back is never delivered: a silent connection stays silent.
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else {
            return;
        };
        let now = way.borrow().0;
        match now {
            Way::Late(time) => sleep(time.mul_f64(0.5)).await,
            Way::Silent => std::future::pending().await,
            Way::Free | Way::Cut => {}
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
