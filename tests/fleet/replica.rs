//! What one process of the fleet does: reads commands, one a line, and answers each on a line.
//!
//! `verify AT TOKEN`, `watch TOKEN…`, `load RATE MILLISECONDS FILE`, `revoke ID`, `together`, `health`.

use std::io::BufRead as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clerk_machine_auth::health::FleetState;
use clerk_machine_auth::{AuthErrorKind, Authenticator};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::process::unix_micros;

/// The process, when it is run as one.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn replica() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(serve());
}

async fn serve() {
    let clerk = Authenticator::builder()
        .api_url(std::env::var("FLEET_API_URL").unwrap())
        .secret_key(std::env::var("FLEET_SECRET_KEY").unwrap())
        .any_sender()
        .calls_per_second(80)
        .fleet(
            clerk_machine_auth::Fleet::redis(std::env::var("FLEET_URL").unwrap())
                .unwrap()
                .key("a fleet of processes, with a key of 32 characters"),
        )
        .build()
        .unwrap();
    let (sender, mut commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    while let Some(line) = commands.recv().await {
        let clerk = clerk.clone();
        tokio::spawn(async move {
            let (id, command) = line.split_once(' ').unwrap();
            let answer = answer(&clerk, command).await;
            println!("@{id} {answer}");
        });
    }
}

async fn answer(clerk: &Authenticator, command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    match words[..] {
        ["verify", at, token] => verify(clerk, at.parse().unwrap(), token).await,
        ["watch", ..] => watch(clerk, &words[1..]).await,
        ["load", rate, time, file] => {
            load(clerk, rate.parse().unwrap(), time.parse().unwrap(), file).await
        }
        ["revoke", id] => {
            let at = unix_micros();
            clerk.revocations().refuse_token(id).unwrap();
            at.to_string()
        }
        ["together"] => {
            let is_together =
                || clerk.health().fleet.map(|it| it.state) == Some(FleetState::Together);
            while !is_together() {
                sleep(Duration::from_millis(10)).await;
            }
            "ok".to_owned()
        }
        ["members"] => clerk.health().fleet.unwrap().members.to_string(),
        ["health"] => format!("{:?}", clerk.health().fleet.unwrap()),
        _ => panic!("what is {command}"),
    }
}

async fn verify(clerk: &Authenticator, at: u64, token: &str) -> String {
    sleep(Duration::from_micros(at.saturating_sub(unix_micros()))).await;
    let began = Instant::now();
    let outcome = match clerk.verify(token).await {
        Ok(_) => "ok",
        Err(error) if error.kind() == AuthErrorKind::Unavailable => "unavailable",
        Err(_) => "no",
    };
    format!("{outcome} {}", began.elapsed().as_micros())
}

/// Asks for each token until it is refused; answers when each was last accepted.
async fn watch(clerk: &Authenticator, tokens: &[&str]) -> String {
    let began = Instant::now();
    let mut last: Vec<(bool, u64)> = vec![(true, 0); tokens.len()];
    while last.iter().any(|(is_accepted, _)| *is_accepted) {
        for (token, (is_accepted, last)) in tokens.iter().zip(&mut last) {
            if *is_accepted {
                *is_accepted = clerk.verify(token).await.is_ok();
                *last = if *is_accepted { unix_micros() } else { *last };
            }
        }
        if began.elapsed() > Duration::from_secs(20) {
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    let shown = last.iter().map(|(is_accepted, last)| match is_accepted {
        true => "lost".to_owned(),
        false => last.to_string(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Asks for random tokens of a file; answers how many were served, refused, unavailable, and of the
/// last ones for a 429, and the longest time in microseconds.
async fn load(clerk: &Authenticator, rate: u64, millis: u64, file: &str) -> String {
    let tokens: Arc<Vec<String>> = Arc::new(
        std::fs::read_to_string(file)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
    );
    let mut asking = tokio::task::JoinSet::new();
    let mut state = unix_micros() ^ (u64::from(std::process::id()) << 32) | 1;
    for n in 0..rate * millis / 1_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let place = usize::try_from(state).unwrap() % tokens.len();
        let (clerk, tokens) = (clerk.clone(), Arc::clone(&tokens));
        asking.spawn(async move {
            sleep(Duration::from_micros(n * 1_000_000 / rate)).await;
            let began = Instant::now();
            (clerk.verify(&tokens[place]).await.err(), began.elapsed())
        });
    }
    let (mut counts, mut longest) = ([0_u64; 4], Duration::ZERO);
    while let Some(ended) = asking.join_next().await {
        let (error, took) = ended.unwrap();
        longest = longest.max(took);
        match error {
            None => counts[0] += 1,
            Some(error) if error.kind() != AuthErrorKind::Unavailable => counts[1] += 1,
            Some(error) => {
                counts[2] += 1;
                counts[3] += u64::from(format!("{error:?}").contains("rate_limited"));
            }
        }
    }
    let [served, refused, unavailable, limited] = counts;
    format!(
        "{served} {refused} {unavailable} {limited} {}",
        longest.as_micros()
    )
}
