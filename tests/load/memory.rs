//! Rules 10 and 12: what floods and faults leave behind.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
use futures_util::future::join_all;

use crate::driver::{TURN, is_full};

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

async fn flood(service: &clerk_machine_auth::Authenticator, from: u64, to: u64) {
    let mut next = from;
    while next < to {
        let batch: Vec<_> = (next..to.min(next + 1_000))
            .map(|n| format!("ak_junk_{n:020}"))
            .collect();
        let answers = join_all(batch.iter().map(|token| service.verify(token))).await;
        assert!(answers.iter().all(Result::is_err));
        next += 1_000;
    }
}

/// Junk is answered by an emulator with a budget that lets all of it through, so that every token
/// becomes a remembered rejection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_10_distinct_bad_tokens_neither_grow_memory_nor_push_good_ones_out() {
    let _turn = TURN.lock().await;
    let clerk = ClerkEmulator::builder().configure(|options| options.log_capacity = 10);
    let clerk = clerk.start().await.unwrap();
    let builder = clerk.authenticator_builder(&clerk.machine("me").create());
    let builder = builder
        .calls_per_second(1_000_000)
        .unknown_calls_per_second(900_000)
        .call_burst(1_000_000);
    let service = builder
        .cache_capacity(1_000)
        .negative_capacity(1_000)
        .negative_for(Duration::from_secs(60));
    let service = service
        .fresh_for(Duration::from_secs(3_600))
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let user = clerk.new_user_id();
    let good: Vec<_> = (0..500)
        .map(|_| clerk.api_key(&user).create().token().to_owned())
        .collect();
    for token in &good {
        service.verify(token).await.unwrap();
    }
    let total = if is_full() { 10_000_000 } else { 20_000 };
    flood(&service, 0, total / 4).await;
    let warm = resident();
    flood(&service, total / 4, total).await;
    let (grown, calls) = (
        resident().saturating_sub(warm),
        clerk.calls(Endpoint::VerifyApiKey),
    );
    for token in &good {
        service.verify(token).await.unwrap();
    }
    println!(
        "{total} distinct bad tokens: {warm} KiB after a quarter, {grown} KiB more at the end"
    );
    assert_eq!(
        clerk.calls(Endpoint::VerifyApiKey),
        calls,
        "every good token was remembered"
    );
    assert!(
        service.health().cached_rejected <= 1_100,
        "{}",
        service.health().cached_rejected
    );
    assert!(grown < warm / 10, "{grown} KiB on {warm} KiB");
}

/// Verifies distinct tokens whose answers each carry these claims, and looks at the claims.
///
/// The whole is bounded by `cache_bytes`, 64 MiB by default; beside it stand the answers that are
/// being read, moka's queue of at most 384 entries and what the allocator keeps for later.
async fn claims_stay_within_the_budget(name: &str, claims: &str) {
    let _turn = TURN.lock().await;
    let clerk = ClerkEmulator::builder().configure(|options| options.log_capacity = 10);
    let clerk = clerk.start().await.unwrap();
    let body = format!(
        r#"{{"object":"api_key","type":"api_key","id":"ak_1","subject":"user_1","scopes":[],
            "revoked":false,"expired":false,"expiration":null,"claims":{claims}}}"#
    );
    let len = body.len();
    let answer = Fault::status(200).header("content-type", "application/json");
    clerk
        .fault(Endpoint::VerifyApiKey, answer.body(body))
        .always();
    let builder = clerk.authenticator_builder(&clerk.machine("me").create());
    let builder = builder
        .calls_per_second(1_000_000)
        .unknown_calls_per_second(900_000)
        .call_burst(1_000_000);
    let service = builder
        .fresh_for(Duration::from_secs(3_600))
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let verdicts = if is_full() { 10_000 } else { 1_000 };
    let (before, mut most) = (resident(), 0);
    for batch in 0..verdicts / 20 {
        let tokens: Vec<_> = (0..20).map(|n| format!("ak_claims_{batch}_{n}")).collect();
        for auth in join_all(tokens.iter().map(|token| service.verify(token))).await {
            assert!(auth.unwrap().raw_claims().is_some());
        }
        // Used again, from the cache where it is there.
        for auth in join_all(tokens.iter().map(|token| service.verify(token))).await {
            assert!(auth.unwrap().raw_claims().is_some());
        }
        most = most.max(resident().saturating_sub(before));
        assert!(
            most <= 96 * 1024,
            "{name}: {most} KiB after {batch} batches"
        );
    }
    let held = service.health().cached_valid;
    println!("{verdicts} verdicts with {len} bytes of {name}: {held} held, {most} KiB at most");
    assert!(held >= 300, "{held}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_10_verdicts_with_long_lists_stay_within_the_budget() {
    let zeros = format!("[0{}]", ",0".repeat(30_000));
    claims_stay_within_the_budget("a list of zeros", &zeros).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_10_verdicts_with_many_small_objects_stay_within_the_budget() {
    let objects = format!("[0{}]", ",{\"\":0}".repeat(7_500));
    claims_stay_within_the_budget("small objects", &objects).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_10_jwts_with_many_claims_stay_within_the_budget() {
    let _turn = TURN.lock().await;
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let service = clerk.authenticator_builder(&me).build().unwrap();
    // As many values as are admitted, 256, and as much text as a token of 8 KiB has room for.
    let object = serde_json::json!({"": "x".repeat(30)});
    let claims = serde_json::Value::from(vec![object; 110]);
    let count = if is_full() { 10_000 } else { 500 };
    let jwt = || clerk.m2m_jwt(&caller).claim("a", claims.clone()).create();
    let jwts: Vec<_> = (0..count).map(|_| jwt().token().to_owned()).collect();
    let before = resident();
    for jwt in &jwts {
        let auth = service.verify(jwt).await.unwrap();
        assert!(auth.raw_claims().unwrap()["a"][1].is_object());
    }
    let (grown, held) = (
        resident().saturating_sub(before),
        service.health().cached_valid,
    );
    println!(
        "{count} JWTs of {} bytes: {held} held, {grown} KiB",
        jwts[0].len()
    );
    assert!(grown <= 96 * 1024, "{grown} KiB");
    assert!(held >= 400, "{held}");
}

/// Faults of every kind, again and again: nothing stays behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_a_soak_with_mixed_faults_leaves_nothing_behind() {
    let _turn = TURN.lock().await;
    let clerk = ClerkEmulator::builder().configure(|options| options.log_capacity = 10);
    let clerk = clerk.start().await.unwrap();
    let builder = clerk.authenticator_builder(&clerk.machine("me").create());
    let service = builder.timeout(Duration::from_millis(200)).build().unwrap();
    let faults = [
        || Fault::status(500),
        Fault::hang,
        Fault::drop_connection,
        Fault::reset_connection,
        Fault::truncated_body,
        || Fault::status(429).header("retry-after", "1"),
        || Fault::delay(Duration::from_millis(20)),
    ];
    let rounds = if is_full() { 600 } else { 12 };
    let mut early = None;
    for round in 0..rounds {
        clerk.clear_faults();
        clerk
            .fault(Endpoint::VerifyApiKey, faults[round % faults.len()]())
            .always();
        for n in 0..20 {
            let tokens: Vec<_> = (0..20)
                .map(|m| format!("ak_soak_{round}_{n}_{m}"))
                .collect();
            join_all(tokens.iter().map(|token| service.verify(token))).await;
            tokio::time::sleep(Duration::from_millis(if is_full() { 30 } else { 5 })).await;
        }
        if round == rounds / 3 {
            early = Some((resident(), descriptors()));
        }
    }
    clerk.clear_faults();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ((before, open), (after, still)) = (early.unwrap(), (resident(), descriptors()));
    println!("{rounds} rounds of faults: {before} → {after} KiB, {open} → {still} descriptors");
    assert_eq!(service.health().in_flight, 0);
    assert!(after <= before + before / 5 && still <= open + 20);
}
