//! Rule O1: whoever began a mint may go away, panic, or lose its runtime.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault, TestClock};
use clerk_machine_auth::{Clock, M2mTokenSource, OutboundToken, TokenSourceError};
use futures_util::future::join_all;

use super::world::{World, settle};

const PATIENCE: Duration = Duration::from_secs(20);

/// Fails instead of hanging.
async fn answered(source: &M2mTokenSource) -> Result<OutboundToken, TokenSourceError> {
    let answer = tokio::time::timeout(PATIENCE, source.token()).await;
    answer.unwrap_or_else(|_| panic!("a caller hangs"))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_ten_thousand_first_uses_make_one_mint() {
    let world = World::new().await;
    let slow = Fault::delay(Duration::from_millis(300));
    world.clerk.fault(Endpoint::CreateM2mToken, slow).always();
    let source = world.source();
    let uses = (0..10_000).map(|_| {
        let source = source.clone();
        tokio::spawn(async move { source.token().await.unwrap().id().clone() })
    });
    let ids = join_all(uses).await;
    let first = ids[0].as_ref().unwrap();
    assert!(ids.iter().all(|id| id.as_ref().unwrap() == first));
    assert_eq!(world.asked(), 1);
    println!("10 000 first uses: {} mint", world.asked());
}

#[tokio::test]
async fn o1_a_caller_may_go_away_at_each_of_its_awaits() {
    let world = World::new().await;
    for polls in 0.. {
        let source = world.source();
        world.clerk.reset_log();
        let ended = polled(polls, source.token()).await.is_some();
        answered(&source).await.unwrap();
        assert_eq!(world.asked(), 1, "after {polls} polls");
        if ended {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_a_mint_may_be_cut_off_anywhere_by_the_end_of_its_runtime() {
    let world = World::new().await;
    let slow = Fault::delay(Duration::from_millis(2));
    world.clerk.fault(Endpoint::Any, slow).always();
    for cut in 0..60 {
        let source = world.builder().machine_secret(world.managed());
        let source = source.build().unwrap();
        let (lost, after) = (source.clone(), Duration::from_micros(200 * cut));
        let ended = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { tokio::time::timeout(after, lost.token()).await.ok() });
        });
        // One caller waits on the mint that is cut off, one comes after it.
        if cut % 2 == 0 {
            answered(&source).await.ok();
        }
        ended.await.unwrap();
        settle(&source).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        // The fetch of the secret, if that was cut off, is begun again after a pause.
        world.pass(Duration::from_secs(40));
        answered(&source).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_whoever_waits_on_a_lost_mint_begins_another() {
    let world = World::new().await;
    let source = world.source();
    let hang = Fault::hang();
    world.clerk.fault(Endpoint::CreateM2mToken, hang).once();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let leader = source.clone();
    runtime.spawn(async move { leader.token().await });
    while world.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let follower = source.clone();
    let waits = tokio::spawn(async move { answered(&follower).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    runtime.shutdown_background();
    waits.await.unwrap().unwrap();
    assert_eq!(world.asked(), 2);
}

/// A clock that panics at one of its readings: the one thing of the caller's that a mint calls.
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

#[tokio::test]
async fn o1_a_mint_may_panic_anywhere() {
    let world = World::new().await;
    for readings in 1..20 {
        let left = Arc::new(AtomicI64::new(readings));
        let clock = Fuse {
            clock: world.clerk.clock().clone(),
            left: Arc::clone(&left),
        };
        let source = world.builder().clock(clock).build().unwrap();
        let first = source.clone();
        // Where the reading is the caller's own, so is the panic.
        tokio::spawn(async move { answered(&first).await })
            .await
            .ok();
        left.store(i64::MAX, Ordering::SeqCst);
        settle(&source).await;
        answered(&source).await.unwrap();
    }
}

#[test]
fn o1_without_a_runtime_there_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let source = world.source();
    let error = futures_util::FutureExt::now_or_never(source.token()).unwrap();
    assert!(error.unwrap_err().to_string().contains("runtime"));
    let first = runtime.block_on(source.token()).unwrap();
    world.pass(Duration::from_secs(3_500));
    // Due for renewal, which is left to somebody who has a runtime.
    let due = futures_util::FutureExt::now_or_never(source.token()).unwrap();
    assert_eq!(due.unwrap().id(), first.id());
}

#[tokio::test]
async fn o1_a_mint_has_a_deadline() {
    let world = World::new().await;
    let source = world.builder().timeout(Duration::from_millis(50));
    let source = source.build().unwrap();
    world
        .clerk
        .fault(Endpoint::CreateM2mToken, Fault::hang())
        .once();
    let error = answered(&source).await.unwrap_err();
    assert!(error.to_string().contains("50ms"), "{error}");
    world.pass(error.retry_after().unwrap());
    answered(&source).await.unwrap();
}
