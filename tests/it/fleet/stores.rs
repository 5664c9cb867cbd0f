//! A store that fails in every way: nobody notices but `health()`.

use std::time::Instant;

use clerk_machine_auth::health::FleetState;
use clerk_machine_auth::testing::StoreFault;

use super::world::{MILLI, SECOND, World, fleet, together, until};

#[tokio::test]
async fn rule_23_no_request_fails_whatever_the_store_does() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let replicas = world.replicas::<3>().await;
    let empty = world.memory.snapshot();
    for (n, fault) in [
        StoreFault::Down,
        StoreFault::Silent,
        StoreFault::Full,
        StoreFault::Slow(MILLI),
        StoreFault::Slow(MILLI * 20),
        StoreFault::Slow(MILLI * 200),
        StoreFault::None,
    ]
    .into_iter()
    .enumerate()
    {
        world.memory.fail(fault);
        let new = world.clerk.api_key(format!("user_{n}")).create();
        for replica in &replicas {
            assert!(replica.verify(key.token()).await.is_ok(), "{fault:?}");
            assert!(replica.verify(new.token()).await.is_ok(), "{fault:?}");
            replica.invalidate_id(new.id());
            assert!(replica.verify(new.token()).await.is_ok(), "{fault:?}");
        }
        if fault == StoreFault::Slow(MILLI * 200) {
            // It is read all the same: what is told arrives.
            world.clerk.revoke(new.id());
            replicas[0].invalidate_id(new.id());
            let began = Instant::now();
            while replicas[1].verify(new.token()).await.is_ok() {
                assert!(began.elapsed() < SECOND * 30);
                tokio::time::sleep(MILLI * 10).await;
            }
        }
    }
    for lose in [0, 1] {
        match lose {
            0 => world.memory.flush(),
            _ => world.memory.roll_back(&empty),
        }
        for replica in &replicas {
            assert!(replica.verify(key.token()).await.is_ok());
        }
        until(|| replicas.iter().all(|it| fleet(it).gaps > lose)).await;
        for replica in &replicas {
            assert!(replica.verify(key.token()).await.is_ok());
            together(replica).await;
        }
    }
}

/// After a gap everything is verified again ahead of its time, and counts meanwhile.
#[tokio::test]
async fn rule_22_a_gap_renews_what_is_remembered_and_drops_nothing() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let [replica] = world.replicas().await;
    assert!(replica.verify(key.token()).await.is_ok());
    let calls = world.calls();
    world.memory.flush();
    until(|| fleet(&replica).gaps == 1).await;
    together(&replica).await;
    assert_eq!(
        world.calls(),
        calls,
        "it is not asked about before it is used"
    );
    world.clerk.revoke(key.id());
    assert!(
        replica.verify(key.token()).await.is_ok(),
        "it counts until then"
    );
    until(|| world.calls() == calls + 1).await;
    let began = Instant::now();
    while replica.verify(key.token()).await.is_ok() {
        assert!(began.elapsed() < SECOND * 30);
        tokio::time::sleep(MILLI * 5).await;
    }
}

#[tokio::test]
async fn rule_22_a_message_that_is_lost_is_noticed_by_its_number() {
    let world = World::new().await;
    let replicas = world.replicas::<2>().await;
    let quiet = |n: u64| {
        replicas
            .iter()
            .all(|it| fleet(it).unsent == 0 && fleet(it).gaps == n)
    };
    replicas[0].invalidate_id("ak_1");
    until(|| quiet(0)).await;
    // Taken out before the other one reads it, sooner or later.
    for _ in 0..50 {
        replicas[0].invalidate_id("ak_2");
        tokio::time::sleep(MILLI * 2).await;
        world.memory.drop_message();
        tokio::time::sleep(MILLI * 300).await;
        replicas[0].invalidate_id("ak_3");
        tokio::time::sleep(MILLI * 300).await;
        if fleet(&replicas[1]).gaps > 0 {
            return;
        }
    }
    panic!("nobody noticed");
}

/// Random bytes everywhere, again and again: nothing of it is believed, and after a while nothing is
/// read.
#[tokio::test]
async fn rule_23_a_store_full_of_forgeries_is_distrusted_and_nobody_is_kept_out() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let replicas = world.replicas::<2>().await;
    for n in 0..30 {
        let new = world.clerk.api_key(format!("user_{n}")).create();
        assert!(replicas[0].verify(new.token()).await.is_ok());
        world.memory.forge();
        assert!(replicas[1].verify(new.token()).await.is_ok());
        assert!(replicas[1].verify(key.token()).await.is_ok());
        assert!(replicas[1].verify("ak_made_up").await.is_err());
    }
    until(|| {
        world.memory.forge();
        fleet(&replicas[1]).state == FleetState::Distrusted
    })
    .await;
    assert!(replicas[1].verify(key.token()).await.is_ok());
}

/// A replica whose clock is wrong shares nothing, and says so.
#[tokio::test]
async fn rule_21_a_replica_whose_clock_is_wrong_works_alone() {
    use clerk_machine_auth::testing::TestClock;
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let [right] = world.replicas().await;
    assert!(right.verify(key.token()).await.is_ok());
    for wrong in [SECOND * 60, SECOND * 31_536_000] {
        for ahead in [true, false] {
            let clock = TestClock::new();
            if ahead {
                clock.jump_wall_forward(wrong);
            } else {
                clock.jump_wall_back(wrong);
            }
            let odd = world.builder().clock(clock).build().unwrap();
            until(|| fleet(&odd).state == FleetState::ClockApart).await;
            let calls = world.calls();
            assert!(odd.verify(key.token()).await.is_ok());
            assert_eq!(world.calls(), calls + 1);
            odd.shutdown().await;
        }
    }
}
