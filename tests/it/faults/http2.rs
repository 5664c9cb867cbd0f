//! Rule 13: what only a connection that many calls share can do.

use std::time::{Duration, Instant};

use clerk_machine_auth::health::BreakerState;

use crate::faults::world::{World, status};
use crate::support::tls;

/// A connection that is open, acknowledges what it is sent, and never answers again.
///
/// Each call that times out ends its own stream only, so that without a sign of life asked for,
/// every later call and every probe would be sent into the same connection for good.
#[tokio::test]
async fn rule_13_a_wedged_http2_connection_is_given_up() {
    if !tls::trusted("faults::http2::rule_13_a_wedged_http2_connection_is_given_up") {
        return;
    }
    let world = World::over_tls().await;
    world.clerk.clock().unfreeze();
    let tls = world.tls.as_ref().unwrap();
    let service = world.service();
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    assert_eq!(tls.connections(), (1, 1));
    tls.wedge();
    let (began, mut refused) = (Instant::now(), 0);
    while status(&service, &world.key()).await != 200 {
        refused += 1;
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{refused} refused, {:?}, {:?} connections",
            service.health(),
            tls.connections()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "the first success came {:.1} s after the connection wedged, {refused} refused before it",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(service.health().breaker, BreakerState::Closed);
    assert_eq!(tls.connections().0, 2);
}
