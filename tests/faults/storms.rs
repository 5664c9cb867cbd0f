//! Rules 7 and 12: more of everything than anybody should send.

use clerk_machine_auth::testing::Endpoint;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{SECOND, World, status};

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

#[tokio::test]
async fn rule_12_a_storm_of_unknown_tokens_leaves_the_known_ones_their_calls() {
    let world = World::new().await;
    let service = world.service();
    let known: Vec<_> = (0..100).map(|_| world.key()).collect();
    for token in &known {
        assert_eq!(status(&service, token).await, 200);
    }
    let (before, per_second) = (world.asked(), size(100_000, 2_000));
    let seconds = size(100, 30);
    for second in 0..seconds {
        let junk: Vec<_> = (0..per_second)
            .map(|n| format!("ak_junk_{second}_{n}"))
            .collect();
        let answers = join_all(junk.iter().map(|token| status(&service, token))).await;
        assert!(answers.iter().all(|answer| [401, 503].contains(answer)));
        for token in &known {
            assert_eq!(status(&service, token).await, 200, "known, at {second}");
        }
        world.pass(SECOND);
    }
    let calls = world.asked() - before;
    println!(
        "{} junk tokens in {seconds} s beside 100 known ones: {calls} calls",
        per_second * seconds
    );
    assert!(calls <= u64::from(seconds) * 80 + 300 + 20, "{calls}");
    assert_eq!(world.clerk.calls(Endpoint::Any), world.asked());
}

#[tokio::test]
async fn rule_12_a_thousand_tokens_that_end_in_one_second_are_renewed_within_the_budget() {
    let world = World::new().await;
    let fast = |builder: clerk_machine_auth::AuthenticatorBuilder| {
        builder.call_burst(1_000).timeout(SECOND * 20)
    };
    let service = fast(world.builder()).build().unwrap();
    let known: Vec<_> = (0..1_000).map(|_| world.key()).collect();
    let all = async || join_all(known.iter().map(|token| status(&service, token))).await;
    assert!(all().await.iter().all(|answer| *answer == 200));
    let mut busiest = 0;
    for _ in 0..70 {
        let before = world.asked();
        world.pass(SECOND);
        assert!(
            all().await.iter().all(|answer| *answer == 200),
            "none fails"
        );
        busiest = busiest.max(world.asked() - before);
    }
    println!(
        "1 000 tokens asked about in one second: at most {busiest} calls in a second of renewal"
    );
    assert!(
        world.asked() >= 2_000 && busiest <= 1_080,
        "{} {busiest}",
        world.asked()
    );
}
