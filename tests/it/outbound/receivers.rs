//! Receivers in other languages, and ours, accept what a source sends; see `tests/interop/outbound`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, KeyRotation, TestClock};
use clerk_machine_auth::{
    AdminClient, ClerkMachineAuth, M2mTokenLayer, M2mTokenSource, MachineAuth, MachineId,
    MachineSecret, SecretKey, TokenFormat,
};
use tokio::net::TcpListener;

/// A receiver in a process of its own, gone with this.
struct Receiver {
    name: &'static str,
    url: String,
    child: Option<Child>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn spawn(
    name: &'static str,
    program: &str,
    script: &str,
    clerk: &ClerkEmulator,
    machine: &EmulatedMachine,
) -> Receiver {
    let script = std::env::var(script).expect("tests/interop/outbound sets it");
    let mut child = Command::new(program)
        .arg(script)
        .env("CLERK_API_URL", clerk.api_url())
        .env("CLERK_SECRET_KEY", clerk.secret_key())
        .env("CLERK_PUBLISHABLE_KEY", clerk.publishable_key())
        .env("CLERK_MACHINE_SECRET_KEY", machine.secret_key())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
    Receiver {
        name,
        url: url.expect("the receiver listens"),
        child: Some(child),
    }
}

async fn ours(clerk: &ClerkEmulator, machine: &EmulatedMachine, clock: &TestClock) -> Receiver {
    let auth = clerk.authenticator_builder(machine).clock(clock.clone());
    let auth = auth.build().unwrap();
    let app = Router::new()
        .route(
            "/",
            get(|auth: MachineAuth| async move { auth.subject().to_owned() }),
        )
        .layer(ClerkMachineAuth::new(auth));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Receiver {
        name: "clerk-machine-auth",
        url,
        child: None,
    }
}

/// A caller whose secret follows rotations, and a clock for its cooldown.
struct Caller {
    source: M2mTokenSource,
    clock: TestClock,
}

impl Caller {
    fn new(clerk: &ClerkEmulator, machine: &EmulatedMachine, format: TokenFormat) -> Self {
        let admin = AdminClient::builder()
            .api_url(clerk.api_url())
            .secret_key(SecretKey::new(clerk.secret_key()).unwrap())
            .build()
            .unwrap();
        let secret = MachineSecret::managed(admin, MachineId::new(machine.id()).unwrap());
        let clock = TestClock::new();
        let source = M2mTokenSource::builder()
            .machine_secret(secret)
            .api_url(clerk.api_url())
            .format(format)
            .force_cooldown(Duration::from_secs(1))
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { source, clock }
    }

    /// Has another token minted.
    async fn renew(&self) {
        let token = self.source.token().await.unwrap();
        self.clock.advance(Duration::from_secs(2));
        assert!(self.source.refused(&token));
        assert_ne!(self.source.token().await.unwrap().id(), token.id());
    }

    async fn call(&self, receiver: &Receiver) -> (u16, String) {
        let layer = M2mTokenLayer::new(self.source.clone(), [&receiver.url]).unwrap();
        let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
            .with(layer)
            .build();
        let response = client.get(&receiver.url).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and python with Clerk's clients: tests/interop/outbound"]
async fn receivers_of_other_languages_accept_what_a_source_sends() {
    let clerk = ClerkEmulator::start().await;
    let reports = clerk.machine("reports").create();
    let billing = clerk.machine("billing").scoped_to(&reports).create();
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    // Ours looks for an unknown key at most once in half a minute, by a clock of its own: JWTs from
    // the future would be refused by the others.
    let clock = TestClock::new();
    let receivers = [
        ours(&clerk, &reports, &clock).await,
        spawn("@clerk/backend", "node", "NODE_RECEIVER", &clerk, &reports),
        spawn(
            "clerk-backend-api",
            &python,
            "PYTHON_RECEIVER",
            &clerk,
            &reports,
        ),
    ];
    let callers = [TokenFormat::Opaque, TokenFormat::Jwt]
        .map(|format| (format, Caller::new(&clerk, &billing, format)));
    let mut accepted = 0;
    for event in ["at first", "after a rotation of the key", "of the secret"] {
        match event {
            "after a rotation of the key" => {
                clerk.rotate_keys(KeyRotation::NewKid { keep_old: true });
                clock.advance(Duration::from_secs(31));
            }
            "of the secret" => {
                clerk.rotate_machine_secret(&billing, Duration::ZERO);
            }
            _ => {}
        }
        for (format, caller) in &callers {
            if event != "at first" {
                caller.renew().await;
            }
            for receiver in &receivers {
                let answer = caller.call(receiver).await;
                let expected = (200, billing.id().to_owned());
                assert_eq!(answer, expected, "{} {format:?} {event}", receiver.name);
                accepted += 1;
            }
        }
        println!("{event}: {accepted} accepted");
    }
    // A receiver that refuses is told apart from one that accepts everything.
    let stranger = clerk.machine("stranger").create();
    let caller = Caller::new(&clerk, &stranger, TokenFormat::Opaque);
    for receiver in &receivers {
        assert_eq!(caller.call(receiver).await.0, 401, "{}", receiver.name);
    }
}
