//! Tests of the secret with a source in memory. `tests/` covers it over HTTP.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;

use super::fake::{Source, current, key, replica};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const DELAY: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn rule_2_ten_concurrent_rotations_make_one() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    let outcomes = join_all((0..10).map(|_| secret.rotate(MINUTE))).await;
    assert!(outcomes.iter().all(|o| matches!(o, Ok(Rotation::Rotated))));
    assert_eq!(source.counts(), (1, 1));
    assert_eq!(current(&secret), "ak_canary1");
}

#[tokio::test(start_paused = true)]
async fn rule_2_an_immediate_rotation_never_shares_a_graceful_one() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    let (graceful, immediate) = tokio::join!(secret.rotate(MINUTE), secret.rotate_immediately());
    assert_eq!(
        (graceful.unwrap(), immediate.unwrap()),
        (Rotation::Rotated, Rotation::Rotated)
    );
    assert_eq!(source.counts().1, 2);
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_slow_read_never_brings_the_old_secret_back() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    secret.load().await.unwrap();
    let (rotation, reload) = tokio::join!(secret.rotate(MINUTE), secret.reload());
    rotation.unwrap();
    assert_eq!(reload.unwrap(), Reload::Changed);
    assert_eq!(current(&secret), "ak_canary1");
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_caller_who_goes_away_loses_no_rotation() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    let gone = tokio::time::timeout(DELAY / 2, secret.rotate(MINUTE)).await;
    assert!(gone.is_err());
    tokio::time::sleep(DELAY * 3).await;
    assert_eq!(current(&secret), "ak_canary1");
    // The next one is a rotation of its own, not the outcome of the abandoned one.
    secret.rotate(MINUTE).await.unwrap();
    assert_eq!(source.counts().1, 2);
}

/// Starts the work on a runtime that nobody drives afterwards.
fn begin_elsewhere(work: impl Future) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::ZERO, work).await.ok() });
    runtime
}

#[test]
fn rule_3_a_read_or_rotation_on_a_runtime_that_stands_still_holds_nobody_up() {
    let source = Source::new(DELAY);
    let (secret, clock) = replica(&source);
    let idle = [
        begin_elsewhere(secret.load()),
        begin_elsewhere(secret.rotate(MINUTE)),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        // The maximum duration of the stuck read and the rotation that waits for it.
        tokio::time::advance(fake::TIMEOUT * 5).await;
        assert!(secret.load().await.is_ok());
        secret.rotate_immediately().await.unwrap();
    });
    // Their late results do not replace newer ones.
    clock.0.store(60, Ordering::Relaxed);
    for runtime in &idle {
        runtime.block_on(async { tokio::time::sleep(DELAY * 4).await });
    }
    assert_eq!(current(&secret), format!("ak_canary{}", source.counts().1));
}

#[test]
fn rule_3_a_read_that_ended_with_its_runtime_is_begun_anew_at_once() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    drop(begin_elsewhere(secret.load()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    assert!(runtime.block_on(secret.load()).is_ok());
    assert_eq!(source.counts().0, 2);
}

#[tokio::test(start_paused = true)]
async fn rule_4_a_rotation_elsewhere_is_adopted() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    secret.load().await.unwrap();
    source.rotate_elsewhere();
    assert_eq!(secret.rotate(MINUTE).await.unwrap(), Rotation::Adopted);
    assert_eq!(source.counts().1, 0);
    assert_eq!(current(&secret), "ak_canary1");
    source.rotate_elsewhere();
    assert_eq!(
        secret.rotate_immediately().await.unwrap(),
        Rotation::Rotated
    );
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_refused_secret_is_reloaded_once_per_cooldown() {
    let source = Source::new(DELAY);
    let (secret, clock) = replica(&source);
    let used = secret.load().await.unwrap();
    assert_eq!(source.counts().0, 1);
    // Many concurrent refusals share one read, which finds no new secret.
    let refused = join_all((0..100).map(|_| secret.rejected(&used))).await;
    assert!(refused.iter().all(|changed| !changed));
    assert_eq!(source.counts().0, 2);
    // No read is made within the cooldown.
    source.rotate_elsewhere();
    clock.0.store(29, Ordering::Relaxed);
    assert!(!secret.rejected(&used).await);
    assert_eq!(secret.reload().await.unwrap(), Reload::TooSoon);
    assert_eq!(source.counts().0, 2);
    clock.0.store(30, Ordering::Relaxed);
    assert!(secret.rejected(&used).await);
    assert_eq!(source.counts().0, 3);
    // A request with the old secret gets `true` without a read.
    assert!(secret.rejected(&used).await);
    assert_eq!(source.counts().0, 3);
}

#[tokio::test(start_paused = true)]
async fn rule_5_all_who_are_refused_at_once_wait_for_the_one_read() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    let used = secret.load().await.unwrap();
    source.rotate_elsewhere();
    let refused = join_all((0..100).map(|_| secret.rejected(&used))).await;
    assert!(refused.iter().all(|changed| *changed));
    assert_eq!(source.counts().0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_first_load_that_fails_is_not_repeated_by_every_request() {
    let source = Source::new(DELAY);
    source.break_down(true);
    let (secret, clock) = replica(&source);
    let failed = join_all((0..50).map(|_| secret.load())).await;
    assert!(failed.iter().all(Result::is_err));
    assert!(secret.load().await.is_err());
    assert_eq!(source.counts().0, 1);
    source.break_down(false);
    clock.0.store(1, Ordering::Relaxed);
    assert!(secret.load().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_each_new_secret_and_the_end() {
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    secret.load().await.unwrap();
    let mut watch = secret.watch();
    secret.rotate(MINUTE).await.unwrap();
    let seen = watch.changed().await.unwrap();
    assert_eq!(seen.expose_secret(), "ak_canary1");
    drop(secret);
    assert!(watch.changed().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_schedule_rotates_and_ends_with_its_handle() {
    let source = Source::new(Duration::ZERO);
    let (secret, _) = replica(&source);
    let handle = secret.rotate_every(MINUTE * 60, MINUTE).unwrap();
    tokio::time::sleep(MINUTE * 61 * 5).await;
    let rotations = source.counts().1;
    assert!((4..=5).contains(&rotations), "{rotations} in five hours");
    drop(handle);
    tokio::time::sleep(MINUTE).await;
    let before = source.counts();
    tokio::time::sleep(MINUTE * 60 * 10).await;
    assert_eq!(source.counts(), before);
}

#[tokio::test(start_paused = true)]
async fn replicas_on_a_schedule_rotate_once_a_period_and_agree() {
    let source = Source::new(DELAY);
    let replicas = [replica(&source).0, replica(&source).0, replica(&source).0];
    for secret in &replicas {
        secret.load().await.unwrap();
    }
    let _handles: Vec<_> = replicas
        .iter()
        .map(|secret| secret.rotate_every(MINUTE * 60, MINUTE).unwrap())
        .collect();
    tokio::time::sleep(MINUTE * 60 * 10).await;
    tokio::time::sleep(MINUTE).await;
    let rotations = source.counts().1;
    // Periods vary by a tenth, and the shortest of three wins. Sometimes two coincide.
    assert!((9..=14).contains(&rotations), "{rotations} in ten hours");
    let secrets: Vec<_> = replicas.iter().map(current).collect();
    assert!(secrets.iter().all(|s| *s == secrets[0]), "{secrets:?}");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_survives_an_outage() {
    let source = Source::new(Duration::ZERO);
    let (secret, _) = replica(&source);
    let _handle = secret.rotate_every(MINUTE * 10, MINUTE).unwrap();
    source.break_down(true);
    tokio::time::sleep(MINUTE * 30).await;
    let (reads, _) = source.counts();
    assert!((30..=70).contains(&reads), "{reads} reads in half an hour");
    source.break_down(false);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(source.counts().1, 1);
}

#[tokio::test]
async fn what_would_end_the_secret_in_use_is_refused() {
    let fixed = MachineSecret::fixed(key(0));
    let field = |error: AdminError| error.field();
    assert_eq!(
        field(fixed.rotate(MINUTE).await.unwrap_err()),
        Some("machine_secret")
    );
    assert_eq!(fixed.reload().await.unwrap(), Reload::Unchanged);
    assert!(!fixed.rejected(&key(0)).await);
    let source = Source::new(DELAY);
    let (secret, _) = replica(&source);
    for ttl in [Duration::ZERO, Duration::from_secs(28_801), DELAY] {
        let refused = secret.rotate(ttl).await.unwrap_err();
        assert_eq!(field(refused), Some("previous_token_ttl"));
        assert!(secret.rotate_every(MINUTE, ttl).is_err());
    }
    assert!(secret.rotate_every(Duration::ZERO, MINUTE).is_err());
    assert_eq!(source.counts(), (0, 0));
}

#[tokio::test]
async fn rule_19_debug_shows_no_secret() {
    let (secret, _) = replica(&Source::new(Duration::ZERO));
    secret.load().await.unwrap();
    let shown = format!("{secret:?} {:?} {:?}", secret.watch(), secret.current());
    assert!(!shown.contains("canary"), "{shown}");
}
