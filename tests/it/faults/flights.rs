//! Rule 11: one question at a time about one token, whatever becomes of who asked first.

use std::sync::Arc;

use clerk_machine_auth::testing::{Endpoint, Fault};
use futures_util::future::join_all;

use crate::faults::world::{SECOND, World, status};

/// Ten thousand requests at once may take a busy machine longer than the usual timeout of a test.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Repetitions of the storm; `FULL=1` makes it the hundred of the record.
fn repetitions() -> usize {
    if std::env::var_os("FULL").is_some() {
        100
    } else {
        5
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_ten_thousand_first_uses_make_one_call() {
    let world = World::new().await;
    let service = world.builder().timeout(PATIENCE).build().unwrap();
    for repetition in 1..=repetitions() {
        let key: Arc<str> = world.key().into();
        let use_it = |_| {
            let (service, key) = (service.clone(), Arc::clone(&key));
            tokio::spawn(async move { status(&service, &key).await })
        };
        let answers = join_all((0..10_000).map(use_it)).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == 200));
        assert_eq!(world.asked(), repetition as u64);
        world.pass(SECOND);
    }
    println!(
        "10 000 concurrent first uses: 1 call, {} times",
        repetitions()
    );
}

#[tokio::test]
async fn rule_11_ten_thousand_uses_of_a_bad_token_make_one_call() {
    let world = World::new().await;
    let service = world.builder().timeout(PATIENCE).build().unwrap();
    let uses = (0..10_000).map(|_| status(&service, "ak_made_up_0123456789"));
    assert!(join_all(uses).await.into_iter().all(|answer| answer == 401));
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn rule_11_a_request_that_goes_away_takes_nothing_with_it() {
    let world = World::new().await;
    let service = world.service();
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::delay(SECOND / 10))
        .always();
    // Cut off at ever later points, from before its call is made until after it was answered.
    for millis in [0, 1, 5, 20, 60, 95, 105, 150] {
        let key = world.key();
        let patience = std::time::Duration::from_millis(millis);
        let _gone = tokio::time::timeout(patience, service.verify(&key)).await;
        assert_eq!(status(&service, &key).await, 200, "after {millis} ms");
    }
    assert_eq!(world.asked(), 8, "the flight went on without who began it");
    assert_eq!(service.health().in_flight, 0);
}

#[tokio::test]
async fn rule_11_a_flight_that_times_out_frees_its_place() {
    let world = World::new().await;
    let service = world.service();
    let key = world.key();
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::hang())
        .once();
    let both = join_all([status(&service, &key), status(&service, &key)]).await;
    assert_eq!((both, world.asked()), (vec![503, 503], 1));
    assert_eq!(status(&service, &key).await, 200);
}
