//! Rules 9, 10 and 12: what becomes of genuine tokens that are meant for other machines.

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder};
use serde_json::json;

use crate::faults::world::{SECOND, World, status};

impl World {
    /// A service whose tokens Clerk does not bind: it has no machine secret, only its id.
    fn unbound(&self) -> AuthenticatorBuilder {
        Authenticator::builder()
            .api_url(self.clerk.api_url())
            .clock(self.clerk.clock().clone())
            .secret_key(self.clerk.secret_key())
            .machine_id(self.me.id())
    }

    /// A genuine token that may not reach this service.
    fn for_another(&self) -> String {
        let sender = self.clerk.machine("sender").create();
        self.clerk.m2m_token(&sender).create().token().to_owned()
    }

    fn asked_for_m2m(&self) -> u64 {
        self.clerk.calls(Endpoint::VerifyM2mToken)
    }
}

#[tokio::test]
async fn rule_9_a_token_for_other_machines_is_cached_as_a_no() {
    let world = World::new().await;
    let service = world.unbound().build().unwrap();
    let token = world.for_another();
    for (calls, seconds) in [(1, 0), (1, 9), (2, 1), (2, 9), (3, 1), (4, 50)] {
        world.pass(SECOND * seconds);
        let error = service.verify(&token).await.unwrap_err();
        assert_eq!(error.reason(), "wrong_receiver");
        assert_eq!(world.asked_for_m2m(), calls);
    }
}

#[tokio::test]
async fn rule_9_a_grant_is_noticed_when_the_no_ends() {
    let world = World::new().await;
    let service = world.unbound().build().unwrap();
    let token = world.clerk.m2m_token(&world.caller).create();
    let ungranted = json!({
        "object": "machine_to_machine_token", "id": token.id(), "subject": world.caller.id(),
        "claims": null, "scopes": ["mch_other"], "revoked": false, "expired": false,
        "expiration": null, "created_at": 1_700_000_000_000_u64,
    });
    let answer = Fault::status(200).body(ungranted.to_string());
    world.clerk.fault(Endpoint::VerifyM2mToken, answer).once();
    for (expected, seconds) in [(401, 0), (401, 9), (200, 1)] {
        world.pass(SECOND * seconds);
        assert_eq!(status(&service, token.token()).await, expected);
    }
}

#[tokio::test]
async fn rule_12_a_token_for_other_machines_is_not_a_known_token() {
    let world = World::new().await;
    let budget = world.unbound().unknown_calls_per_second(1).call_burst(1);
    let service = budget.build().unwrap();
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    world.pass(SECOND * 2);
    let for_another = world.for_another();
    assert_eq!(status(&service, &for_another).await, 401);
    // Both are due for a renewal by now, and nothing is left for unknown tokens.
    world.pass(SECOND * 65);
    assert_eq!(status(&service, "ak_made_up_0123456789").await, 401);
    let before = (world.asked(), world.asked_for_m2m());
    assert_eq!(status(&service, &known).await, 200);
    assert_eq!(status(&service, &for_another).await, 503);
    let asked = (world.asked() - before.0, world.asked_for_m2m() - before.1);
    assert_eq!(asked, (1, 0));
}
