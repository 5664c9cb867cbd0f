//! A Clerk and a receiving service of our own, and what they go through.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint, Fault, KeyRotation};
use clerk_machine_auth::{
    AdminClient, ClerkMachineAuth, M2mTokenSource, MachineAuth, MachineId, MachineSecret, SecretKey,
};
use tokio::net::TcpListener;

use crate::Outcome;
use crate::calls::{Statuses, Target};
use crate::settings::Settings;

const MINUTE: Duration = Duration::from_secs(60);

struct Demo {
    clerk: ClerkEmulator,
    billing: EmulatedMachine,
    source: M2mTokenSource,
    target: Target,
    statuses: Statuses,
    lifetime: Duration,
}

/// What happens between two parts of the calls.
type Event = (&'static str, fn(&Demo));

/// Clerk's clock is turned forward with them, so that hours pass in a moment.
const EVENTS: [Event; 6] = [
    ("the first calls", |_| ()),
    ("two hours later", |demo| demo.pass(MINUTE * 120)),
    ("Clerk has rotated its signing key", Demo::rotate_keys),
    ("the machine secret was rotated", Demo::rotate_secret),
    ("the token was revoked", Demo::revoke),
    ("Clerk mints no tokens", Demo::outage),
];

/// Calls through all of it; returns the source and the answers.
pub(crate) async fn run(settings: &Settings) -> Outcome<(M2mTokenSource, Statuses)> {
    let mut demo = Demo::start(settings).await?;
    let parts = EVENTS.len();
    for (number, (event, happen)) in EVENTS.into_iter().enumerate() {
        happen(&demo);
        let requests =
            settings.requests * (number + 1) / parts - settings.requests * number / parts;
        let answers = demo.target.call(requests, settings.concurrency).await;
        demo.report(event, &answers);
        demo.statuses.merge(answers);
    }
    Ok((demo.source, demo.statuses))
}

impl Demo {
    async fn start(settings: &Settings) -> Outcome<Self> {
        let clerk = ClerkEmulator::builder().start().await?;
        let reports = clerk.machine("reports").create();
        let billing = clerk.machine("billing").scoped_to(&reports).create();
        let builder = M2mTokenSource::builder()
            .machine_secret(managed(&clerk, &billing)?)
            .api_url(clerk.api_url())
            .clock(clerk.clock().clone());
        let source = settings.apply(builder).build()?;
        let url = receiver(&clerk, &reports).await?.parse()?;
        let target = Target::new(source.clone(), url)?;
        Ok(Self {
            clerk,
            billing,
            source,
            target,
            statuses: Statuses::default(),
            lifetime: settings.lifetime.unwrap_or(MINUTE * 60),
        })
    }

    fn pass(&self, time: Duration) {
        self.clerk.clock().advance(time);
    }

    /// The key of a JWT that is in use is gone from the key set, which the receiver learns within
    /// five minutes; an opaque token is not concerned.
    fn rotate_keys(&self) {
        let new = KeyRotation::NewKid { keep_old: false };
        self.clerk.rotate_keys(new);
        self.pass(MINUTE * 6);
    }

    /// The secret in use is worth nothing from now on, and the token has expired.
    fn rotate_secret(&self) {
        self.clerk
            .rotate_machine_secret(&self.billing, Duration::ZERO);
        self.pass(MINUTE * 120);
    }

    /// Revokes the last token (a JWT cannot be). The receiver has verified it, and asks again when
    /// that is a minute old.
    fn revoke(&self) {
        let requests = self.clerk.requests();
        let minted = requests.iter().rev().find_map(|request| {
            let answer = request.response.as_ref()?.json();
            let is_mint = request.endpoint == Endpoint::CreateM2mToken;
            is_mint.then(|| answer["id"].as_str().map(str::to_owned))?
        });
        if let Some(id) = minted {
            self.clerk.revoke(&id);
        }
        self.pass(MINUTE * 2);
    }

    /// The token is due, with a tenth of its life left.
    fn outage(&self) {
        let outage = Fault::status(503);
        self.clerk.fault(Endpoint::CreateM2mToken, outage).always();
        let left = self.source.health().expires_in_seconds.unwrap_or_default();
        let rest = self.lifetime / 10;
        self.pass(Duration::from_secs(left).saturating_sub(rest));
    }

    fn report(&self, event: &str, answers: &Statuses) {
        let (counts, health) = (answers.counts(), self.source.health());
        let trouble = health
            .problem
            .map_or_else(String::new, |kind| format!(", trouble: {kind:?}"));
        println!(
            "{event}: {counts:?}; {} mints so far, {} forced{trouble}",
            health.mints, health.forced
        );
    }
}

/// The caller's secret, which is fetched anew when Clerk refuses it.
fn managed(clerk: &ClerkEmulator, machine: &EmulatedMachine) -> Outcome<MachineSecret> {
    let admin = AdminClient::builder()
        .api_url(clerk.api_url())
        .secret_key(SecretKey::new(clerk.secret_key())?)
        .clock(clerk.clock().clone())
        .build()?;
    Ok(MachineSecret::managed(admin, MachineId::new(machine.id())?))
}

/// The service that is called: this crate's own layer in front of a handler.
async fn receiver(clerk: &ClerkEmulator, machine: &EmulatedMachine) -> Outcome<String> {
    let auth = clerk.authenticator_builder(machine).build()?;
    let whoami = |auth: MachineAuth| async move { auth.subject().to_owned() };
    let app = Router::new()
        .route("/whoami", get(whoami))
        .layer(ClerkMachineAuth::new(auth));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/whoami", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
