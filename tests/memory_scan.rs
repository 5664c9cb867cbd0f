//! Rule 19: after its use, no copy of a token is left in the memory of the process.
//!
//! The emulator holds every token it issued, so the service runs in a process of its own: this test
//! starts its own program again, hands it the tokens disguised, and that one searches its memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // a helper that fails is a test that fails

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::Command;

use clerk_machine_auth::Authenticator;
use clerk_machine_auth::testing::ClerkEmulator;
use secrecy::zeroize::Zeroize as _;

const TASK: &str = "MEMORY_SCAN_TASK";
/// Tokens travel and are kept under this mask, which is no secret: a disguised copy is no copy.
const MASK: u8 = 0x5a;

fn disguise(text: &str) -> String {
    text.bytes()
        .map(|byte| format!("{:02x}", byte ^ MASK))
        .collect()
}

fn masked(disguised: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    disguised.as_bytes().chunks(2).map(byte).collect()
}

#[tokio::test]
async fn rule_19_no_token_stays_in_memory_after_its_use() {
    if !cfg!(target_os = "linux") {
        println!("skipped: the search reads /proc");
        return;
    }
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("me").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let tokens = [
        clerk.m2m_token(&caller).create(),
        clerk.api_key(clerk.new_user_id()).create(),
        clerk.m2m_jwt(&caller).create(),
    ];
    let tokens: Vec<_> = tokens.iter().map(|token| disguise(token.token())).collect();
    let settings = [
        clerk.api_url(),
        clerk.secret_key(),
        me.id(),
        &tokens.join(","),
    ]
    .join(" ");
    let output = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "the_process_that_is_searched",
                "--ignored",
                "--nocapture",
            ])
            .env(TASK, settings)
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Vec<_> = text
        .lines()
        .filter(|line| line.contains("copies"))
        .collect();
    println!("{}", found.join("\n"));
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(found.len(), 4, "{text}");
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn the_process_that_is_searched() {
    let task = std::env::var(TASK).unwrap();
    let [url, secret, me, tokens] = task.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{task}")
    };
    let service = Authenticator::builder()
        .api_url(url)
        .secret_key(secret)
        .machine_id(me);
    let service = service.build().unwrap();
    // A token that is held on purpose shows that the search finds what is there.
    let known = masked("372e051932333f3c77373b3e3f772f2a");
    let mut held = unmask(&known);
    let shown = copies(&known);
    println!("held: {shown} copies");
    assert_eq!(shown, 1);
    held.zeroize();
    let mut left = 0;
    for token in tokens.split(',').map(masked) {
        use_once(&service, &token).await;
        let copies = copies(&token);
        println!("{} bytes: {copies} copies", token.len());
        left += copies;
    }
    assert_eq!(left, 0);
}

fn unmask(masked: &[u8]) -> String {
    String::from_utf8(masked.iter().map(|byte| byte ^ MASK).collect()).unwrap()
}

/// Verifies a token twice, so that it is remembered, and wipes this test's own copy.
async fn use_once(service: &Authenticator, masked: &[u8]) {
    let mut token = unmask(masked);
    for _ in 0..2 {
        assert!(service.verify(&token).await.is_ok());
    }
    token.zeroize();
    // The buffers of the connection are free for the next call's bytes.
    assert!(service.verify("ak_another_token_0123456789").await.is_err());
}

/// Counts the places in this process's writable memory that hold the middle of a token.
fn copies(masked: &[u8]) -> usize {
    let middle = &masked[masked.len() / 4..masked.len() * 3 / 4];
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    let mut bytes = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let at = |hex| u64::from_str_radix(hex, 16).unwrap();
        bytes.clear();
        let read = memory.seek(SeekFrom::Start(at(start))).and_then(|_| {
            memory
                .by_ref()
                .take(at(end) - at(start))
                .read_to_end(&mut bytes)
        });
        // What cannot be read, such as a guard page, holds nothing.
        let Ok(_) = read else { continue };
        let is_copy = |window: &&[u8]| {
            window
                .iter()
                .zip(middle)
                .all(|(byte, mask)| byte ^ MASK == *mask)
        };
        found += bytes.windows(middle.len()).filter(is_copy).count();
    }
    bytes.zeroize();
    found
}
