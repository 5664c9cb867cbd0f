//! Rule 11: whoever leads a flight may go away, panic or wait in vain at any point.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault, TestClock};
use clerk_machine_auth::{
    AdminClient, Authenticator, AuthenticatorBuilder, Clock, MachineId, MachineSecret, SecretKey,
};

use crate::faults::keys::settle;
use crate::faults::world::{SECOND, World, status};

const PATIENCE: Duration = Duration::from_secs(10);

impl World {
    /// A service that has nothing yet: its secret and its keys are fetched too.
    pub(crate) fn bare(&self) -> AuthenticatorBuilder {
        let admin = AdminClient::builder()
            .api_url(self.clerk.api_url())
            .secret_key(SecretKey::new(self.clerk.secret_key()).unwrap())
            .timeout(Duration::from_millis(300))
            .clock(self.clerk.clock().clone());
        let id = MachineId::new(self.me.id()).unwrap();
        let secret = MachineSecret::managed(admin.build().unwrap(), id);
        self.builder().machine_secret(secret)
    }

    /// One token for each way of verification: a user's key, a machine's token, a machine's JWT.
    pub(crate) fn tokens(&self) -> [(&'static str, String); 3] {
        let opaque = self.clerk.m2m_token(&self.caller).create();
        [
            ("key", self.key()),
            ("opaque M2M", opaque.token().to_owned()),
            ("JWT", self.jwt()),
        ]
    }
}

/// Fails instead of hanging.
pub(crate) async fn answered(service: &Authenticator, token: &str) -> u16 {
    let answer = tokio::time::timeout(PATIENCE, status(service, token)).await;
    answer.unwrap_or_else(|_| panic!("a request hangs"))
}

/// Polls a future so many times and drops it; `None` if it had not ended.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn rule_11_a_request_may_go_away_at_each_of_its_awaits() {
    let world = World::new().await;
    let mut points = 0;
    for kind in 0..3 {
        for polls in 0.. {
            let (service, token) = (world.bare().build().unwrap(), &world.tokens()[kind]);
            world.clerk.reset_log();
            let ended = polled(polls, service.verify(&token.1)).await.is_some();
            assert_eq!(answered(&service, &token.1).await, 200, "{}", token.0);
            let verifications = [
                Endpoint::VerifyApiKey,
                Endpoint::VerifyM2mToken,
                Endpoint::GetMachine,
            ];
            let calls: u64 = verifications.iter().map(|at| world.clerk.calls(*at)).sum();
            assert_eq!(calls, 1, "{} after {polls} polls", token.0);
            assert!(world.fetched() <= 1);
            points += 1;
            if ended {
                break;
            }
        }
    }
    println!("requests that went away at {points} points: one call each, no hang");
}

/// The flight itself is cut off wherever it is, by the end of the runtime that it runs on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_a_flight_may_be_cut_off_anywhere() {
    let world = World::new().await;
    let slow = Fault::delay(Duration::from_millis(2));
    world.clerk.fault(Endpoint::Any, slow).always();
    let cuts = 120;
    for cut in 0..cuts {
        let service = world.bare().build().unwrap();
        let (_, token) = world.tokens()[cut % 3].clone();
        let (lost, same) = (service.clone(), token.clone());
        let after = Duration::from_micros(100 * cut as u64);
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { tokio::time::timeout(after, lost.verify(&same)).await.ok() });
        })
        .await
        .unwrap();
        assert_eq!(answered(&service, &token).await, 200, "cut {cut}");
        settle(&service).await;
    }
    println!("{cuts} flights cut off within 12 ms: no hang, every token usable after");
}

/// A clock that panics at one of its readings: the one thing of the caller's that a flight calls.
#[derive(Debug, Clone)]
struct Fuse {
    clock: TestClock,
    left: Arc<AtomicI64>,
}

impl Fuse {
    fn burn(&self) {
        assert!(self.left.fetch_sub(1, Ordering::SeqCst) != 1, "on purpose");
    }
}

impl Clock for Fuse {
    fn unix_time(&self) -> Duration {
        self.burn();
        self.clock.unix_time()
    }

    fn monotonic(&self) -> Duration {
        self.burn();
        self.clock.monotonic()
    }
}

/// Panics that are meant do not fill the output.
fn silence() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<&str>();
        if message != Some(&"on purpose") {
            usual(panic);
        }
    }));
}

#[tokio::test]
async fn rule_11_a_panic_at_each_reading_of_the_clock_wedges_nothing() {
    silence();
    let world = World::new().await;
    let mut points = 0;
    for kind in 0..3 {
        for reading in 1.. {
            let left = Arc::new(AtomicI64::new(0));
            let clock = world.clerk.clock().clone();
            let fuse = Fuse {
                clock,
                left: Arc::clone(&left),
            };
            let service = world.bare().clock(fuse).build().unwrap();
            let (name, token) = world.tokens()[kind].clone();
            left.store(reading, Ordering::SeqCst);
            let (lost, same) = (service.clone(), token.clone());
            let first = tokio::spawn(async move { status(&lost, &same).await }).await;
            let blown = left.swap(0, Ordering::SeqCst) <= 0;
            assert!(
                matches!(first, Err(_) | Ok(200 | 503)),
                "{name}, {reading}: {first:?}"
            );
            world.pass(SECOND * 2);
            assert_eq!(answered(&service, &token).await, 200, "{name}, {reading}");
            assert_eq!(answered(&service, &world.key()).await, 200, "another token");
            if !blown {
                break;
            }
            points += 1;
        }
    }
    println!("panics at {points} readings of the clock: no hang, every token usable after");
    assert!(points >= 10);
}

#[tokio::test]
async fn rule_11_a_wait_in_vain_at_each_call_ends_by_its_deadline() {
    let world = World::new().await;
    let calls = [
        (0, Endpoint::VerifyApiKey),
        (1, Endpoint::GetMachineSecret),
        (1, Endpoint::VerifyM2mToken),
        (2, Endpoint::GetJwks),
        (2, Endpoint::GetMachine),
    ];
    for (kind, endpoint) in calls {
        for fault in [Fault::hang(), Fault::slow_body(1, SECOND)] {
            let service = world.bare().build().unwrap();
            let (name, token) = world.tokens()[kind].clone();
            world.clerk.fault(endpoint, fault).always();
            assert_eq!(
                answered(&service, &token).await,
                503,
                "{name}, {endpoint:?}"
            );
            world.clerk.clear_faults();
            world.pass(SECOND * 2);
            assert_eq!(
                answered(&service, &token).await,
                200,
                "{name}, {endpoint:?}"
            );
        }
    }
}
