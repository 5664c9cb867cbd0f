//! Requests per second over HTTP: a router alone, behind the layer, and behind jwt-authorizer.
//!
//! Each server has one thread, and the client has another. One server is asked at a time, in turn.
//! Requests are counted against the time that the server's thread has run: where it is busy all
//! the time that is requests per second, and where something else takes the processor away it is
//! what there would be.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use clerk_machine_auth::{ClerkMachineAuth, MachineAuth};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tower::util::MapRequestLayer;

use crate::support::clerk::local;
use crate::support::floor::Floor;
use crate::support::rows::Rows;
use crate::support::stopwatch::median;
use crate::support::tokens::Issuer;

const CONNECTIONS: usize = 32;
const TURN: Duration = Duration::from_millis(100);
const TURNS: usize = 61;

/// How far the rates of one router, served twice, may lie apart.
const CONTROL: f64 = 0.02;

/// What is served, in the order in which it is asked.
#[derive(Debug, Clone, Copy)]
enum Row {
    Router,
    Again,
    Noop,
    Layer,
    Identity,
    Floor,
    Peer,
}

pub(crate) fn run(rows: &mut Rows, issuer: &Issuer) {
    let token = issuer.m2m(1);
    let peer = Peer::start(issuer);
    let mut servers = servers(issuer);
    servers.extend(peer.as_ref().map(|peer| peer.server.clone()));
    let rates = Rates(rates(&servers, &token));
    rates.note(rows, "router alone", Row::Router);
    rates.note(rows, "with a layer that does nothing", Row::Noop);
    rates.note(rows, "with the layer", Row::Layer);
    rates.note(
        rows,
        "with the layer, handler takes the identity",
        Row::Identity,
    );
    rates.note(rows, "with the floor in the layer's place", Row::Floor);
    if peer.is_some() {
        rates.note(
            rows,
            "jwt-authorizer 0.15, handler takes the claims",
            Row::Peer,
        );
        let ratio = rates.ratio(Row::Identity, Row::Peer);
        rows.note(
            "requests, with the layer / jwt-authorizer",
            format!("{ratio:.2} ×"),
        );
    } else {
        rows.note("requests, jwt-authorizer 0.15", "could not be built");
    }
    rates.compare(rows);
}

fn servers(issuer: &Issuer) -> Vec<Server> {
    let layer = ClerkMachineAuth::new(local(issuer));
    let floor = Floor::new();
    let least = MapRequestLayer::new(move |mut request: Request| {
        floor.mark(&mut request);
        request
    });
    let noop = MapRequestLayer::new(|request: Request| request);
    vec![
        serve(router()),
        serve(router()),
        serve(router().layer(noop)),
        serve(router().layer(layer.clone())),
        serve(Router::new().route("/", get(whoami)).layer(layer)),
        serve(router().layer(least)),
    ]
}

fn router() -> Router {
    Router::new().route("/", get(async || "ok"))
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

/// Where a server listens, and where the system says how long its thread has run.
#[derive(Debug, Clone)]
struct Server {
    address: SocketAddr,
    usage: PathBuf,
}

impl Server {
    /// The seconds that the thread has run.
    fn busy(&self) -> f64 {
        let usage = std::fs::read_to_string(&self.usage).unwrap_or_default();
        let nanos = usage
            .split(' ')
            .next()
            .and_then(|nanos| nanos.parse::<f64>().ok());
        nanos.expect("Linux says how long a thread has run") / 1e9
    }
}

/// Serves on a thread of its own until the process ends.
fn serve(router: Router) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("a socket is set up");
    let address = listener.local_addr().expect("a socket has an address");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let me = std::fs::read_link("/proc/thread-self").expect("Linux names threads");
        tell.send(Path::new("/proc").join(me).join("schedstat"))
            .expect("it is waited for");
        on_one_thread().block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a socket is taken over");
            axum::serve(listener, router).await
        })
    });
    let usage = told.recv().expect("the thread has begun");
    Server { address, usage }
}

/// Requests for each second of the server's thread, and for each second.
#[derive(Debug, Clone, Copy)]
struct Rate {
    busy: f64,
    wall: f64,
}

/// The rates of all servers, turn by turn.
struct Rates(Vec<Vec<Rate>>);

impl Rates {
    fn median(&self, figure: impl Fn(&[Rate]) -> f64) -> f64 {
        median(self.0.iter().map(|turn| figure(turn)).collect())
    }

    fn ratio(&self, a: Row, b: Row) -> f64 {
        self.median(|turn| turn[a as usize].busy / turn[b as usize].busy)
    }

    fn note(&self, rows: &mut Rows, name: &str, row: Row) {
        let busy = self.median(|turn| turn[row as usize].busy);
        let wall = self.median(|turn| turn[row as usize].wall);
        let measured = format!("{busy:.0}/s, {wall:.0}/s seen by the client");
        rows.note(format!("requests, {name}"), measured);
    }

    /// Compares the rows, if the control says that they can be compared.
    fn compare(&self, rows: &mut Rows) {
        let control = self.ratio(Row::Again, Row::Router);
        let name = "control: the router again / router alone, away from 1";
        rows.at_most(name, (control - 1.0).abs(), CONTROL, "");
        let name = "requests, handler takes the identity / layer that does nothing";
        if (control - 1.0).abs() > CONTROL {
            rows.note(name, "void: see the control");
            return;
        }
        let of_router = |row| format!("{:.3} ×", self.ratio(row, Row::Router));
        for (name, row) in [
            ("a layer that does nothing", Row::Noop),
            ("with the floor", Row::Floor),
            ("with the layer", Row::Layer),
        ] {
            rows.note(format!("requests, {name} / router alone"), of_router(row));
        }
        rows.at_least(name, self.ratio(Row::Identity, Row::Noop), 0.92, " ×");
    }
}

/// The rates of all servers, turn by turn; the first turn is a warm-up.
fn rates(servers: &[Server], token: &str) -> Vec<Vec<Rate>> {
    let client = on_one_thread();
    let request = format!("GET / HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n");
    let turn = |_| {
        servers
            .iter()
            .map(|server| client.block_on(rate(server, &request)))
            .collect()
    };
    (0..=TURNS).map(turn).skip(1).collect()
}

async fn rate(server: &Server, request: &str) -> Rate {
    let (start, busy) = (Instant::now(), server.busy());
    let clients = (0..CONNECTIONS).map(|_| ask(server.address, request, start + TURN));
    let answers: u32 = futures_util::future::join_all(clients)
        .await
        .into_iter()
        .sum();
    Rate {
        busy: f64::from(answers) / (server.busy() - busy),
        wall: f64::from(answers) / start.elapsed().as_secs_f64(),
    }
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
    server: Server,
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
        // It has two threads, and the other one only waits for the end.
        let usage = PathBuf::from(format!("/proc/{}/schedstat", program.id()));
        let server = Server { address, usage };
        Some(Self { server, program })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.program.kill().and_then(|()| self.program.wait());
    }
}
