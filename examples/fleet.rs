//! Four replicas, one verification; a revocation that crosses; a store that is killed and comes back:
//!
//! ```sh
//! cargo run --example fleet
//! ```
//!
//! Starts an emulator and `redis-server`, if that is installed (Debian: `apt-get install redis-server`).
//! Without it the replicas share memory of this process. `CLERK_FLEET_URL` names a store of your own,
//! and `RUST_LOG` what is logged beside.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clerk_machine_auth::health::FleetState;
use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, SharedMemory, StoreFault};
use clerk_machine_auth::{Authenticator, Fleet};
use tokio::time::sleep;

type Outcome<T> = Result<T, Box<dyn Error>>;

const KEY: &str = "a secret of the fleet, which is 32 characters or more";
const PAUSE: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() -> Outcome<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    let log = Log(Instant::now());
    let mut store = Store::find(&log)?;
    let clerk = ClerkEmulator::builder().start().await?;
    let key = clerk.api_key("user_2ab").create();
    let calls = || clerk.calls(Endpoint::VerifyApiKey);

    let replicas: Vec<_> = (0..4)
        .map(|_| {
            Authenticator::builder()
                .api_url(clerk.api_url())
                .secret_key(clerk.secret_key())
                .any_sender()
                .fleet(store.fleet()?)
                .build()
        })
        .collect::<Result<_, _>>()?;
    until(&replicas, FleetState::Together).await;
    log.say("four replicas are together");

    let first = tokio::join!(
        replicas[0].verify(key.token()),
        replicas[1].verify(key.token()),
        replicas[2].verify(key.token()),
        replicas[3].verify(key.token()),
    );
    first.0.and(first.1).and(first.2).and(first.3)?;
    log.say(format!(
        "each has verified one API key: {} call to Clerk",
        calls()
    ));

    replicas[0].revocations().refuse_token(key.id())?;
    let told = Instant::now();
    for replica in &replicas {
        while replica.verify(key.token()).await.is_ok() {
            sleep(PAUSE).await;
        }
    }
    let took = told.elapsed().as_millis();
    log.say(format!("replica 1 refuses it; {took} ms later all four do"));

    let (known, new) = (
        clerk.api_key("user_known").create(),
        clerk.api_key("user_new").create(),
    );
    for replica in &replicas {
        replica.verify(known.token()).await?;
    }
    store.kill()?;
    log.say("the store is killed");
    until(&replicas, FleetState::Alone).await;
    log.say("every replica says that it is alone");
    let before = calls();
    for replica in &replicas {
        replica.verify(known.token()).await?;
        replica.verify(new.token()).await?;
    }
    let asked = calls() - before;
    log.say(format!(
        "known tokens are served, a new one costs {asked} calls"
    ));

    replicas[3].revocations().refuse_token(new.id())?;
    store.restart()?;
    log.say("replica 4 refuses it meanwhile; the store is back, and empty");
    until(&replicas, FleetState::Together).await;
    for replica in &replicas {
        while replica.verify(new.token()).await.is_ok() {
            sleep(PAUSE).await;
        }
    }
    log.say("all four are together, and refuse it");
    Ok(())
}

/// Waits until all replicas say so of themselves.
async fn until(replicas: &[Authenticator], state: FleetState) {
    for replica in replicas {
        while replica
            .health()
            .fleet
            .is_none_or(|fleet| fleet.state != state)
        {
            sleep(PAUSE).await;
        }
    }
}

/// Prints lines with the time since the beginning.
struct Log(Instant);

impl Log {
    fn say(&self, what: impl std::fmt::Display) {
        println!("{:6} ms  {what}", self.0.elapsed().as_millis());
    }
}

/// Where the replicas meet.
enum Store {
    Redis {
        port: u16,
        server: Child,
    },
    /// Somebody else's, which is left alone.
    Given(String),
    Memory(SharedMemory),
}

impl Store {
    fn find(log: &Log) -> Outcome<Self> {
        if let Ok(url) = std::env::var("CLERK_FLEET_URL") {
            log.say("the store is that of CLERK_FLEET_URL; it is not killed");
            return Ok(Self::Given(url));
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let Ok(server) = serve(port) else {
            log.say("no redis-server (Debian: apt-get install redis-server): sharing memory");
            return Ok(Self::Memory(SharedMemory::new()));
        };
        log.say(format!("redis-server runs at port {port}"));
        Ok(Self::Redis { port, server })
    }

    fn fleet(&self) -> Result<Fleet, clerk_machine_auth::BuildError> {
        let fleet = match self {
            Self::Redis { port, .. } => Fleet::redis(format!("redis://127.0.0.1:{port}"))?,
            Self::Given(url) => Fleet::redis(url)?,
            Self::Memory(memory) => Fleet::memory(memory),
        };
        Ok(fleet.key(KEY))
    }

    fn kill(&mut self) -> Outcome<()> {
        match self {
            Self::Redis { server, .. } => {
                server.kill()?;
                server.wait()?;
            }
            Self::Given(_) => return Err("the end: a store of your own is not killed".into()),
            Self::Memory(memory) => memory.fail(StoreFault::Down),
        }
        Ok(())
    }

    fn restart(&mut self) -> Outcome<()> {
        match self {
            Self::Redis { port, server } => *server = serve(*port)?,
            Self::Given(_) => {}
            Self::Memory(memory) => {
                memory.flush();
                memory.fail(StoreFault::None);
            }
        }
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _at_the_end = self.kill();
    }
}

/// Starts a server that keeps nothing on the disk.
fn serve(port: u16) -> std::io::Result<Child> {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(port.to_string())
        .stdout(Stdio::null())
        .spawn()
}
