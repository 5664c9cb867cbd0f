//! Rules 7 and 12: more of everything than anybody should send.

use futures_util::future::join_all;
use serde_json::json;

use crate::faults::keys::settle;
use crate::faults::world::{SECOND, World, status};

/// The size of a storm: `FULL=1` makes it that of the record.
fn size(full: u32, reduced: u32) -> u32 {
    if std::env::var_os("FULL").is_some() {
        full
    } else {
        reduced
    }
}

/// Ten virtual minutes, `tokens` in all, and a good one in each second.
async fn key_storm(name: &str, junk: impl Fn(&World, u32) -> String) {
    let world = World::new().await;
    let service = world.builder().any_sender().build().unwrap();
    let good = world.jwt();
    assert_eq!(status(&service, &good).await, 200);
    let per_second = size(1_000_000, 20_000) / 600;
    for second in 0..600 {
        for n in 0..per_second {
            assert_eq!(
                status(&service, &junk(&world, second * per_second + n)).await,
                401
            );
        }
        assert_eq!(status(&service, &good).await, 200);
        world.pass(SECOND);
    }
    let fetches = world.fetched();
    println!(
        "{} {name} in ten minutes: {fetches} fetches of keys",
        per_second * 600
    );
    assert!(fetches <= 21, "{fetches}");
    assert_eq!(service.health().cached_valid, 1, "none was pushed out");
}

#[tokio::test]
async fn rule_7_a_storm_of_unknown_kids_costs_one_fetch_per_cooldown() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims =
        URL_SAFE_NO_PAD.encode(json!({"sub": "mch_a", "exp": 9_999_999_999_u64}).to_string());
    let signature = "A".repeat(342);
    key_storm("unknown kids", |_, n| {
        let header = json!({"alg": "RS256", "kid": format!("ins_{n}"), "typ": "JWT"});
        format!(
            "{}.{claims}.{signature}",
            URL_SAFE_NO_PAD.encode(header.to_string())
        )
    })
    .await;
}

#[tokio::test]
async fn rule_7_a_storm_of_bad_signatures_costs_one_fetch_per_cooldown() {
    let original = std::sync::OnceLock::new();
    key_storm("bad signatures", |world, n| {
        let token: &String = original.get_or_init(|| world.jwt());
        let (message, signature) = token.rsplit_once('.').unwrap();
        // Another good spelling of other bytes.
        format!("{message}.{}{}", &format!("A{n:08}")[..9], &signature[9..])
    })
    .await;
}

/// A hundred known tokens among junk; half of them are revoked on the way.
///
/// That a revocation is seen in time proves that the known ones are still asked about.
#[tokio::test]
async fn rule_12_a_storm_of_unknown_tokens_leaves_the_known_ones_their_calls() {
    const REVOKED_AT: u32 = 20;
    let world = World::new().await;
    let service = world.service();
    let user = world.clerk.new_user_id();
    let known: Vec<_> = (0..100)
        .map(|_| world.clerk.api_key(&user).create())
        .collect();
    for key in &known {
        assert_eq!(status(&service, key.token()).await, 200);
    }
    let (before, per_second, seconds) = (world.asked(), size(100_000, 800), 90);
    let (mut busiest, mut late) = (0, 0);
    let (mut coming, mut waits) = (Vec::new(), Vec::new());
    for second in 0..seconds {
        if second == REVOKED_AT {
            assert!(known[..50].iter().all(|key| world.clerk.revoke(key.id())));
        }
        let asked = world.asked();
        let junk = (0..per_second).map(|n| format!("ak_junk_{second}_{n}"));
        for junk in junk.collect::<Vec<_>>().chunks(10_000) {
            let answers = join_all(junk.iter().map(|token| status(&service, token))).await;
            assert!(answers.iter().all(|answer| [401, 503].contains(answer)));
        }
        for key in &known[..50] {
            match status(&service, key.token()).await {
                200 => late = late.max(second.saturating_sub(REVOKED_AT)),
                answer => assert!([401, 503].contains(&answer), "{answer}"),
            }
        }
        for key in &known[50..] {
            assert_eq!(status(&service, key.token()).await, 200, "at {second} s");
        }
        // A good key that is new in each second; it comes back after one, as `Retry-After` says.
        if (10..60).contains(&second) {
            coming.push((second, world.key()));
        }
        let mut still = Vec::new();
        for (came, key) in coming {
            match status(&service, &key).await {
                200 => waits.push(second - came),
                answer => {
                    assert_eq!(answer, 503);
                    still.push((came, key));
                }
            }
        }
        coming = still;
        settle(&service).await;
        // What is left of the first burst is not what the budget gives in a second.
        busiest = busiest.max(if second < 10 {
            0
        } else {
            world.asked() - asked
        });
        world.pass(SECOND);
    }
    let calls = world.asked() - before;
    println!(
        "{} junk tokens in {seconds} s beside 100 known ones: {calls} calls, at most {busiest} in a \
         second; a revocation was seen after {late} s",
        per_second * seconds
    );
    waits.sort_unstable();
    println!(
        "new keys got in after (s): {waits:?}, {} never",
        coming.len()
    );
    assert!(waits[waits.len() / 2] <= 5 && waits.len() >= 45);
    assert!(calls <= u64::from(seconds) * 80 + 150 + 20 + 15, "{calls}");
    assert!(
        busiest <= 80 + 8,
        "a second's budget and what may be owed: {busiest}"
    );
    assert!(late <= 66, "fresh time and its jitter: {late} s");
    assert_eq!(service.health().throttled_refreshes, 0);
}

/// All verdicts are of one second; the burst is spent, so that only the rate is left.
#[tokio::test]
async fn rule_12_a_thousand_tokens_that_end_in_one_second_are_renewed_within_the_budget() {
    let world = World::new().await;
    let builder = world.builder().call_burst(1_000).timeout(SECOND * 20);
    let service = builder.build().unwrap();
    let known: Vec<_> = (0..1_000).map(|_| world.key()).collect();
    for keys in known.chunks(100) {
        let answers = join_all(keys.iter().map(|key| status(&service, key))).await;
        assert!(answers.iter().all(|answer| *answer == 200));
    }
    // The first verdicts are due after 43.2 s: from now on more are due than the budget carries, so
    // no second leaves anything to the next.
    world.pass(SECOND * 44);
    let junk: Vec<_> = (0..1_000).map(|n| format!("ak_junk_{n}")).collect();
    for junk in junk.chunks(100) {
        join_all(junk.iter().map(|token| status(&service, token))).await;
    }
    let before = world.asked();
    let (mut busiest, mut seconds) = (0, 0);
    while world.asked() < before + 1_000 {
        let asked = world.asked();
        let answers = join_all(known.iter().map(|key| status(&service, key))).await;
        assert!(answers.iter().all(|answer| *answer == 200), "none fails");
        settle(&service).await;
        busiest = busiest.max(world.asked() - asked);
        seconds += 1;
        world.pass(SECOND);
    }
    println!(
        "1 000 verdicts of one second were renewed over {seconds} s, at most {busiest} calls in one"
    );
    // Of the second, of the reserve, what may be owed, and a part of a call carried over.
    assert!(busiest <= 80 + 20 + 8 + 1, "{busiest}");
    assert!(world.asked() - before <= seconds * 80 + 28);
    assert!(
        (1..=24).contains(&(seconds)),
        "before the last fresh time ends: {seconds} s"
    );
}
