//! Rule 13: Clerk dies under load over a thousand known tokens, in three ways, and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};

use crate::driver::{Load, TURN, is_full};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Death {
    Refused,
    Reset,
    Blackhole,
}

impl Death {
    async fn come(self, clerk: &ClerkEmulator) {
        match self {
            Self::Refused => clerk.stop_listening().await,
            Self::Reset => clerk
                .fault(Endpoint::Any, Fault::reset_connection())
                .always(),
            Self::Blackhole => clerk.fault(Endpoint::Any, Fault::hang()).always(),
        }
    }

    async fn go(self, clerk: &ClerkEmulator) {
        match self {
            Self::Refused => clerk.resume_listening().await.unwrap(),
            Self::Reset | Self::Blackhole => clerk.clear_faults(),
        }
    }
}

/// The tokens; for how long a verdict on them is fresh, and then stale; how long Clerk is dead.
fn sizes() -> (usize, Duration, Duration, Duration) {
    if is_full() {
        (1_000, SECOND * 20, SECOND * 30, SECOND * 60)
    } else {
        (250, SECOND * 2, SECOND * 4, SECOND * 8)
    }
}

async fn die(death: Death) {
    let _turn = TURN.lock().await;
    let (tokens, fresh, stale, dead) = sizes();
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let builder = clerk
        .authenticator_builder(&me)
        .fresh_for(fresh)
        .stale_if_error(stale);
    let service = builder
        .calls_per_second(2_000)
        .unknown_calls_per_second(1_500)
        .call_burst(2_000);
    let service = service.timeout(SECOND).build().unwrap();
    let user = clerk.new_user_id();
    let keys: Arc<[String]> = (0..tokens)
        .map(|_| clerk.api_key(&user).create().token().to_owned())
        .collect();
    for key in keys.iter() {
        service.verify(key).await.unwrap();
    }
    let load = Load::start(&service, 50, SECOND / 50, move |worker, turn| {
        keys[(worker * 20 + turn) % keys.len()].clone()
    });
    tokio::time::sleep(fresh).await;
    let (_, rejected, unavailable) = load.count.take();
    assert_eq!((rejected, unavailable), (0, 0), "{death:?}: alive");
    death.come(&clerk).await;
    // The oldest verdict may be at the end of its fresh time when death comes.
    let inside = stale.saturating_sub(fresh);
    tokio::time::sleep(inside).await;
    let (served, rejected, unavailable) = load.count.take();
    assert_eq!(
        (rejected, unavailable),
        (0, 0),
        "{death:?}: inside the stale window"
    );
    tokio::time::sleep((fresh + stale).mul_f64(1.1).saturating_sub(inside)).await;
    load.count.take();
    tokio::time::sleep(dead.saturating_sub(fresh + stale)).await;
    let (still_served, rejected, refused) = load.count.take();
    assert_eq!(
        (still_served, rejected),
        (0, 0),
        "{death:?}: after the stale window"
    );
    death.go(&clerk).await;
    let recovery = recovery(&load).await.as_millis();
    let (_, rejected, _) = load.stop().await;
    println!(
        "{death:?}: {served} served in {inside:?}, then {refused} times 503, and {recovery} ms after \
         its return no more"
    );
    assert_eq!(rejected, 0, "{death:?}: back");
    assert!(served > 0 && refused > 0, "the load ran all the time");
}

/// The time until every request of a twentieth of a second is served.
async fn recovery(load: &Load) -> Duration {
    let since = Instant::now();
    loop {
        tokio::time::sleep(SECOND / 20).await;
        let (served, rejected, unavailable) = load.count.take();
        if served > 0 && (rejected, unavailable) == (0, 0) {
            return since.elapsed();
        }
        assert!(since.elapsed() < SECOND * 20, "it never came back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_13_refused_connections_are_invisible_inside_the_stale_window() {
    die(Death::Refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_13_reset_connections_are_invisible_inside_the_stale_window() {
    die(Death::Reset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_13_a_blackhole_is_invisible_inside_the_stale_window() {
    die(Death::Blackhole).await;
}
