//! A rotation whose answer is lost: exactly one POST, and the truth is found by reading.

use std::time::Duration;

use clerk_machine_auth::AdminError;
use clerk_machine_auth::testing::{Endpoint, Fault};

use crate::admin::world::{World, machine_id};

const MINUTE: Duration = Duration::from_secs(60);

/// Rotates under a fault; returns the outcome, and whether the machine's secret is another one.
async fn rotate_under(world: &World, fault: Fault) -> (Result<String, AdminError>, bool) {
    let machine = world.clerk.machine("orders").create();
    world
        .clerk
        .fault(Endpoint::RotateMachineSecret, fault)
        .once();
    world.clerk.reset_log();
    let rotation = world
        .admin
        .machines()
        .rotate_secret_key(&machine_id(&machine), MINUTE);
    let outcome = rotation
        .send()
        .await
        .map(|new| new.expose_secret().to_owned());
    assert_eq!(world.clerk.calls(Endpoint::RotateMachineSecret), 1);
    let now = world.clerk.machine_secret(&machine);
    if let Ok(new) = &outcome {
        assert_eq!(*new, now, "the adopted secret is not the machine's");
    }
    (outcome, now != machine.secret_key())
}

#[tokio::test]
async fn rule_3_a_rotation_that_happened_is_adopted() {
    let world = World::new().await;
    let faults = [
        Fault::drop_after_applying(),
        Fault::reset_connection().applied(),
        Fault::truncated_body(),
        Fault::status(500).applied(),
        Fault::status(502).applied(),
        Fault::status(504).applied(),
        Fault::altered().body("<html>"),
    ];
    for fault in faults {
        let shown = format!("{fault:?}");
        let (outcome, changed) = rotate_under(&world, fault).await;
        assert!(changed && outcome.is_ok(), "{shown}: {outcome:?}");
    }
}

#[tokio::test]
async fn rule_3_a_rotation_that_did_not_happen_is_an_error() {
    let world = World::new().await;
    let faults = [
        Fault::drop_connection(),
        Fault::reset_connection(),
        Fault::status(500),
        Fault::status(503),
    ];
    for fault in faults {
        let shown = format!("{fault:?}");
        let (outcome, changed) = rotate_under(&world, fault).await;
        assert!(
            !changed && outcome.unwrap_err().is_outcome_unknown(),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn rule_3_a_refused_rotation_is_not_read_back() {
    let world = World::new().await;
    for status in [400, 401, 403, 404, 409, 422, 429] {
        let (outcome, changed) = rotate_under(&world, Fault::status(status)).await;
        assert!(
            !changed && !outcome.unwrap_err().is_outcome_unknown(),
            "{status}"
        );
        assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 1, "{status}");
    }
}
