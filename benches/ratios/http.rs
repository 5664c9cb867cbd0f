//! Requests per second over HTTP: a router alone, behind the layer, and behind jwt-authorizer.
//!
//! Each server has one thread, and the client has another. One server is asked at a time, in turn.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::{ClerkMachineAuth, MachineAuth};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::support::clerk::local;
use crate::support::rows::Rows;
use crate::support::stopwatch::median;
use crate::support::tokens::Issuer;

const CONNECTIONS: usize = 32;
const TURN: Duration = Duration::from_millis(500);
const TURNS: usize = 9;

pub(crate) fn run(rows: &mut Rows, issuer: &Issuer) {
    let token = issuer.m2m(1);
    let layer = ClerkMachineAuth::new(local(issuer));
    let peer = Peer::start(issuer);
    let mut servers = vec![
        serve(Router::new().route("/", get(async || "ok"))),
        serve(Router::new().route("/", get(whoami)).layer(layer)),
    ];
    servers.extend(peer.as_ref().map(|peer| peer.address));
    let rates = rates(&servers, &token);
    let ratio =
        |a: usize, b: usize| median(rates.iter().map(|rates| rates[a] / rates[b]).collect());
    let rate = |n: usize| {
        format!(
            "{:.0}/s",
            median(rates.iter().map(|rates| rates[n]).collect())
        )
    };
    rows.note("requests, router alone", rate(0));
    rows.note("requests, with the layer", rate(1));
    rows.at_least(
        "requests, with the layer / router alone",
        ratio(1, 0),
        0.9,
        " ×",
    );
    match peer {
        Some(_) => {
            rows.note("requests, jwt-authorizer 0.15", rate(2));
            rows.at_least(
                "requests, with the layer / jwt-authorizer",
                ratio(1, 2),
                5.0,
                " ×",
            );
        }
        None => rows.note("requests, jwt-authorizer 0.15", "could not be built"),
    }
}

async fn whoami(auth: MachineAuth) -> &'static str {
    if auth.machine_id().is_some() {
        "ok"
    } else {
        "nobody"
    }
}

fn on_one_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime is built")
}

/// Serves on a thread of its own until the process ends.
fn serve(router: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("a socket is set up");
    let address = listener.local_addr().expect("a socket has an address");
    std::thread::spawn(move || {
        on_one_thread().block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a socket is taken over");
            axum::serve(listener, router).await
        })
    });
    address
}

/// The rates of all servers, turn by turn; the first turn is a warm-up.
fn rates(servers: &[SocketAddr], token: &str) -> Vec<Vec<f64>> {
    let client = on_one_thread();
    let request = format!("GET / HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n");
    let turn = |_| {
        servers
            .iter()
            .map(|server| client.block_on(rate(*server, &request)))
            .collect()
    };
    (0..=TURNS).map(turn).skip(1).collect()
}

async fn rate(server: SocketAddr, request: &str) -> f64 {
    let start = Instant::now();
    let clients = (0..CONNECTIONS).map(|_| ask(server, request, start + TURN));
    let answers: u32 = futures_util::future::join_all(clients)
        .await
        .into_iter()
        .sum();
    f64::from(answers) / start.elapsed().as_secs_f64()
}

/// Asks over one connection until the time is over.
async fn ask(server: SocketAddr, request: &str, until: Instant) -> u32 {
    let mut stream = TcpStream::connect(server)
        .await
        .expect("the server is there");
    stream.set_nodelay(true).expect("a socket is set up");
    let (mut answers, mut buffer) = (0, [0; 1_024]);
    while Instant::now() < until {
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request is sent");
        let read = stream.read(&mut buffer).await.expect("an answer comes");
        let answer = buffer.get(..read).unwrap_or_default();
        assert!(
            answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"ok"),
            "it is let in"
        );
        answers += 1;
    }
    answers
}

/// jwt-authorizer, built apart and run as a program of its own: its axum is an older one.
struct Peer {
    address: SocketAddr,
    program: Child,
}

impl Peer {
    fn start(issuer: &Issuer) -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/peer");
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("peer");
        let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status();
        if !built.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut program = Command::new(target.join("release/peer"))
            .arg(issuer.pem())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut address = String::new();
        BufReader::new(program.stdout.take()?)
            .read_line(&mut address)
            .ok()?;
        let address = address.trim().parse().ok()?;
        Some(Self { address, program })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.program.kill().and_then(|()| self.program.wait());
    }
}
