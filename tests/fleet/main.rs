//! A fleet of real processes around a real `redis-server`. Each test prints its figures; `FULL=1` makes
//! them those of the record in tests/README.md:
//!
//! ```sh
//! FULL=1 cargo test --release --test fleet -- --nocapture --test-threads=1
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unreachable_pub
)] // a helper that fails is a test that fails

mod process;
mod proxy;
mod replica;
mod server;

use std::time::{Duration, Instant};

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault, IssuedToken, RateLimit};
use tokio::time::sleep;

use self::process::{Processes, unix_micros};
use self::proxy::Proxy;
use self::server::Server;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The size of the record, or one for every day.
fn size<T>(full: T, daily: T) -> T {
    if std::env::var_os("FULL").is_some() {
        full
    } else {
        daily
    }
}

/// The value below which so many of a hundred lie.
fn percentile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    let place = values.len() * percent / 100;
    values
        .get(place.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

async fn emulator() -> ClerkEmulator {
    ClerkEmulator::builder()
        .configure(|options| options.rate_limit = Some(RateLimit::PRODUCTION))
        .start()
        .await
        .unwrap()
}

/// Every process asks for one new token at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn rule_21_many_processes_verify_a_token_once() {
    if !server::is_installed() {
        return;
    }
    let (server, clerk) = (Server::start(&[]), emulator().await);
    let count = size(50, 8);
    let processes = Processes::start(&clerk, &server.url(), count).await;
    let latency = MILLI * 50;
    let slow = Fault::delay(latency);
    clerk.fault(Endpoint::VerifyApiKey, slow).always();
    let (mut once, mut total, mut times) = (0, 0, Vec::new());
    let rounds = size(20, 5);
    for round in 0..rounds {
        let before = clerk.calls(Endpoint::VerifyApiKey);
        let key = clerk.api_key(format!("user_{round}")).create();
        let at = unix_micros() + 200_000;
        let answers = processes
            .ask_all(|_| format!("verify {at} {}", key.token()))
            .await;
        for answer in &answers {
            let (outcome, took) = answer.split_once(' ').unwrap();
            assert_eq!(outcome, "ok");
            times.push(took.parse().unwrap());
        }
        let calls = clerk.calls(Endpoint::VerifyApiKey) - before;
        once += u32::from(calls == 1);
        total += calls;
        println!("round {round}: {calls} calls");
    }
    let p99 = percentile(&mut times, 99);
    println!(
        "{count} processes: {once} of {rounds} rounds with 1 call; p99 {p99} us at a Clerk of {} us",
        latency.as_micros()
    );
    // A process that has to wait for longer than five milliseconds, if only for the processor, asks
    // for itself: on a busy machine there are a few calls more.
    assert!(
        total < rounds * count as u64,
        "{total} calls in {rounds} rounds"
    );
}

/// A fleet that starts cold, and one that finds the answers of the former.
#[tokio::test(flavor = "multi_thread")]
async fn rule_24_a_cold_start_makes_one_call_for_each_token_and_a_warm_one_none() {
    if !server::is_installed() {
        return;
    }
    let (server, clerk) = (Server::start(&[]), emulator().await);
    let (count, tokens) = (size(50, 6), size(500, 100));
    let keys: Vec<_> = (0..tokens)
        .map(|n| {
            clerk
                .api_key(format!("user_{n}"))
                .create()
                .token()
                .to_owned()
        })
        .collect();
    let file = server.folder.join("tokens");
    std::fs::write(&file, keys.join("\n")).unwrap();
    let load = format!("load 40 {} {}", size(20_000, 6_000), file.display());
    let mut calls = Vec::new();
    for start in ["cold", "warm"] {
        let processes = Processes::start(&clerk, &server.url(), count).await;
        let before = clerk.calls(Endpoint::VerifyApiKey);
        let answers = processes.ask_all(|_| load.clone()).await;
        let made = clerk.calls(Endpoint::VerifyApiKey) - before;
        let sum = |place: usize| -> u64 {
            let nth = |answer: &String| answer.split(' ').nth(place).unwrap().parse::<u64>();
            answers.iter().map(|answer| nth(answer).unwrap()).sum()
        };
        println!(
            "{count} processes, {tokens} tokens, {start}: {made} calls; served {}, refused {}, 503 {}, 429 {}",
            sum(0),
            sum(1),
            sum(2),
            sum(3)
        );
        assert_eq!(sum(1), 0, "nobody is refused");
        assert!(
            !size(true, false) || sum(3) == 0,
            "Clerk never asks for less"
        );
        calls.push(made);
        processes.stop().await;
    }
    // The size of every day runs beside other tests: a replica whose processor is late asks itself.
    assert!(calls[0] <= tokens * size(102, 300) / 100, "{calls:?}");
    assert!(calls[1] <= tokens * size(0, 100) / 100, "{calls:?}");
}

/// Revocations in one process, while all of them serve the tokens that are revoked.
#[tokio::test(flavor = "multi_thread")]
async fn rule_22_a_revocation_reaches_all_processes_within_a_second() {
    if !server::is_installed() {
        return;
    }
    let (server, clerk) = (Server::start(&[]), emulator().await);
    let (count, revocations, batch) = (size(50, 6), size(1_000, 60), 20);
    let processes = Processes::start(&clerk, &server.url(), count).await;
    let (mut delays, mut lost) = (Vec::new(), 0);
    for n in 0..revocations / batch {
        let keys: Vec<_> = (0..batch)
            .map(|m| clerk.api_key(format!("user_{n}_{m}")).create())
            .collect();
        for key in &keys {
            let known = processes
                .ask_all(|_| format!("verify 0 {}", key.token()))
                .await;
            assert!(
                known.iter().all(|answer| answer.starts_with("ok")),
                "{known:?}"
            );
        }
        let tokens: Vec<_> = keys.iter().map(IssuedToken::token).collect();
        let watch = format!("watch {}", tokens.join(" "));
        let watching = processes.ask_all(|_| watch.clone());
        let revoking = async {
            sleep(MILLI * 100).await;
            let mut told = Vec::new();
            for key in &keys {
                let at = processes.ask(0, &format!("revoke {}", key.id())).await;
                told.push(at.parse::<u64>().unwrap());
            }
            told
        };
        let (answers, told) = tokio::join!(watching, revoking);
        for answer in answers {
            for (last, told) in answer.split(' ').zip(&told) {
                match last.parse::<u64>() {
                    Ok(last) => delays.push(last.saturating_sub(*told)),
                    Err(_) => lost += 1,
                }
            }
        }
    }
    let max = delays.iter().copied().max().unwrap_or_default();
    let (p50, p99) = (percentile(&mut delays, 50), percentile(&mut delays, 99));
    println!(
        "{count} processes, {revocations} revocations: last acceptance after p50 {p50} us, p99 {p99} us, max {max} us; {lost} lost"
    );
    assert_eq!(lost, 0);
    assert_eq!(delays.len(), count * revocations);
}

/// One process is cut off for a while, and learns what it missed when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn rule_22_a_process_that_was_cut_off_refuses_what_was_revoked_meanwhile() {
    if !server::is_installed() {
        return;
    }
    let (server, clerk) = (Server::start(&[]), emulator().await);
    let proxy = Proxy::start(server.port).await;
    let near = Processes::start(&clerk, &server.url(), 2).await;
    let far = Processes::start(&clerk, &proxy.url(), 1).await;
    for away in size(vec![5, 300], vec![3]) {
        let away = SECOND * away;
        let keys: Vec<_> = (0..size(100, 20))
            .map(|m| clerk.api_key(format!("user_{away:?}_{m}")).create())
            .collect();
        proxy.cut();
        let mut known = String::new();
        for key in &keys {
            known = far.ask(0, &format!("verify 0 {}", key.token())).await;
            near.ask(0, &format!("revoke {}", key.id())).await;
        }
        assert!(known.starts_with("ok"));
        sleep(away).await;
        let back = Instant::now();
        proxy.restore();
        far.ask(0, "together").await;
        let joined = back.elapsed();
        for key in &keys {
            let answer = far.ask(0, &format!("verify 0 {}", key.token())).await;
            assert!(answer.starts_with("no"), "{answer}");
        }
        println!(
            "away for {away:?}: together, and refusing all, {joined:?} after the way was free"
        );
    }
}

/// The server stops, dies, is silent, slow, full, emptied, or fails over to one that missed writes.
#[tokio::test(flavor = "multi_thread")]
async fn rule_23_no_known_token_fails_in_any_process_whatever_the_server_does() {
    if !server::is_installed() {
        return;
    }
    let (mut server, clerk) = (Server::start(&[]), emulator().await);
    let mut spare = Server::start(&[]);
    let proxy = Proxy::start(server.port).await;
    let processes = Processes::start(&clerk, &proxy.url(), size(10, 3)).await;
    let keys: Vec<_> = (0..20)
        .map(|n| {
            clerk
                .api_key(format!("user_{n}"))
                .create()
                .token()
                .to_owned()
        })
        .collect();
    let file = server.folder.join("tokens");
    std::fs::write(&file, keys.join("\n")).unwrap();
    for key in &keys {
        processes.ask_all(|_| format!("verify 0 {key}")).await;
    }
    let time = size(10_000, 2_500);
    let pause = Duration::from_millis(time * 2 / 3);
    for (n, fault) in [
        "stopped",
        "killed",
        "black hole",
        "1 ms",
        "20 ms",
        "200 ms",
        "full",
        "flushed",
        "failed over",
    ]
    .into_iter()
    .enumerate()
    {
        let load = processes.ask_all(|_| format!("load 50 {time} {}", file.display()));
        let new = clerk.api_key(format!("user_new_{n}")).create();
        let breaking = async {
            sleep(MILLI * 200).await;
            match fault {
                "stopped" => server.signal("STOP"),
                "killed" => server.kill(),
                "black hole" => proxy.silence(),
                "1 ms" => proxy.delay(MILLI),
                "20 ms" => proxy.delay(MILLI * 20),
                "200 ms" => proxy.delay(MILLI * 200),
                "full" => drop(server.client().say("CONFIG SET maxmemory 1")),
                "flushed" => drop(server.client().say("FLUSHALL")),
                _ => {
                    let copy = format!("REPLICAOF 127.0.0.1 {}", server.port);
                    spare.client().say(&copy);
                    sleep(SECOND / 2).await;
                    // From here on it misses what is written.
                    spare.client().say("REPLICAOF NO ONE");
                    processes.ask(0, "revoke ak_missed").await;
                    sleep(SECOND / 2).await;
                    proxy.lead_to(spare.port);
                }
            }
            sleep(MILLI * 400).await;
            // A new token in the middle of it.
            let took = processes.ask(1, &format!("verify 0 {}", new.token())).await;
            sleep(pause.saturating_sub(MILLI * 600)).await;
            match fault {
                "stopped" => server.signal("CONT"),
                "killed" => server.restart(),
                "full" => drop(server.client().say("CONFIG SET maxmemory 0")),
                _ => proxy.restore(),
            }
            let back = Instant::now();
            processes.ask_all(|_| "together".to_owned()).await;
            (took, back.elapsed())
        };
        let (answers, (took, back)) = tokio::join!(load, breaking);
        println!(
            "{fault}: a new token {took} us; together {back:?} after; {}",
            answers[0]
        );
        for answer in answers {
            let mut figures = answer.split(' ').skip(1);
            assert_eq!(figures.next(), Some("0"), "{fault}: refused: {answer}");
            assert_eq!(figures.next(), Some("0"), "{fault}: unavailable: {answer}");
        }
        assert!(took.starts_with("ok"), "{fault}: {took}");
    }
    spare.kill();
}
