//! TLS in front of an emulator, as in front of Clerk: HTTP/2 by ALPN, and connections that go dumb.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What rustls and OpenSSL read the roots from in place of the system's.
const ROOTS: &str = "SSL_CERT_FILE";
const KEY: &str = "TEST_TLS_KEY";

/// Runs a test once more in a process of its own, in which the system trusts the certificate of
/// [`TlsProxy`]; returns `true` in that process.
///
/// So a client under test is the crate's own, with no root added to it.
pub(crate) fn trusted(test: &str) -> bool {
    if std::env::var_os(KEY).is_some() {
        return true;
    }
    let folder = std::env::temp_dir().join(format!("tls-{}-{}", std::process::id(), test));
    std::fs::create_dir_all(&folder).unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (roots, key) = (folder.join("roots.pem"), folder.join("key.pem"));
    std::fs::write(&roots, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(ROOTS, roots)
        .env(KEY, key)
        .output()
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    print!("{shown}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(shown.contains("1 passed"), "no test is called {test}");
    false
}

/// A TLS terminator that knows nothing of HTTP.
pub(crate) struct TlsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends with its owner.
    _accepting: JoinSet<()>,
}

struct Shared {
    accepted: AtomicUsize,
    by_http2: AtomicUsize,
    /// Connections up to this number swallow all bytes of both sides.
    dumb: watch::Sender<usize>,
}

impl TlsProxy {
    /// Starts one in front of `http://<host>:<port>`.
    pub(crate) async fn start(backend: &str) -> Self {
        let backend: SocketAddr = backend.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            accepted: AtomicUsize::new(0),
            by_http2: AtomicUsize::new(0),
            dumb: watch::Sender::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, backend, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _accepting: accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Returns how many connections were made, and how many of them speak HTTP/2.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let count = |number: &AtomicUsize| number.load(Ordering::SeqCst);
        (count(&self.shared.accepted), count(&self.shared.by_http2))
    }

    /// Wedges the connections that there are: they stay open, and nothing comes out of them.
    pub(crate) fn wedge(&self) {
        let present = self.shared.accepted.load(Ordering::SeqCst);
        self.shared.dumb.send_replace(present);
    }
}

async fn accept(listener: TcpListener, backend: SocketAddr, shared: Arc<Shared>) {
    let acceptor = TlsAcceptor::from(Arc::new(config()));
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        // Without somebody behind it, the connection is closed at once.
        if let Ok(server) = TcpStream::connect(backend).await {
            let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
            connections.spawn(serve(acceptor, client, server, shared, number));
        }
    }
}

fn config() -> ServerConfig {
    let file = |name| std::env::var(name).unwrap();
    let certificate = CertificateDer::from_pem_file(file(ROOTS)).unwrap();
    let key = PrivateKeyDer::from_pem_file(file(KEY)).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

async fn serve(
    acceptor: TlsAcceptor,
    client: TcpStream,
    server: TcpStream,
    shared: Arc<Shared>,
    number: usize,
) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let Ok(client) = acceptor.accept(client).await else {
        return;
    };
    if client.get_ref().1.alpn_protocol() == Some(b"h2") {
        shared.by_http2.fetch_add(1, Ordering::SeqCst);
    }
    let mut watched = shared.dumb.subscribe();
    let dumb = async { watched.wait_for(|dumb| number <= *dumb).await.map(drop) };
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    tokio::select! {
        () = relay(&mut from_client, &mut to_server) => {}
        () = relay(&mut from_server, &mut to_client) => {}
        _ = dumb => {
            // Still read, so that the client's bytes are acknowledged.
            let _ = copy(&mut from_client, &mut tokio::io::sink()).await;
        }
    }
}

/// Passes bytes on until one side ends.
async fn relay(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if to.write_all(&bytes[..read]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}
