//! Rules 8 and 9: what the registry's trouble becomes, and when its answers are forgotten.

use clerk_machine_auth::health::{BreakerState, UpstreamProblem};
use clerk_machine_auth::testing::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::faults::world::{SECOND, World, status};

/// Spoils what Clerk says of a machine.
type Spoil = fn(&World, &mut Value);

impl World {
    /// Answers what the registry is asked with this instead.
    fn registry_answers(&self, body: &Value) {
        let fault = Fault::altered().body(body.to_string());
        self.clerk.fault(Endpoint::GetMachine, fault).always();
    }

    /// What Clerk says of a machine that may reach the service.
    fn answer(&self) -> Value {
        json!({
            "object": "machine", "id": self.caller.id(), "name": "caller",
            "scoped_machines": [{"object": "machine", "id": self.me.id(), "name": "me"}],
        })
    }
}

#[tokio::test]
async fn rule_9_an_answer_about_something_else_is_a_broken_upstream() {
    let table: [(&str, Spoil); 6] = [
        ("another machine", |world, answer| {
            answer["id"] = json!(world.me.id());
        }),
        ("no machine", |_, answer| answer["id"] = json!(7)),
        ("another object", |_, answer| {
            answer["object"] = json!("user");
        }),
        ("no object", |_, answer| answer["object"] = Value::Null),
        ("no list", |_, answer| {
            answer.as_object_mut().unwrap().remove("scoped_machines");
        }),
        ("an empty list", |_, answer| {
            answer["scoped_machines"] = Value::Null;
        }),
    ];
    for (shown, spoil) in table {
        let world = World::new().await;
        let service = world.service();
        let token = world.jwt();
        assert_eq!(status(&service, &token).await, 200);
        let mut answer = world.answer();
        spoil(&world, &mut answer);
        world.registry_answers(&answer);
        world.pass(SECOND * 67);
        assert_eq!(
            status(&service, &token).await,
            200,
            "{shown}: a good verdict is not dropped for it"
        );
        service.invalidate_subject(world.caller.id());
        let error = service.verify(&token).await.unwrap_err();
        let seen = (error.status().as_u16(), error.reason());
        assert_eq!(seen, (503, "upstream_answer"), "{shown}");
        assert_eq!(service.health().problem, Some(UpstreamProblem::Unreadable));
    }
}

#[tokio::test]
async fn rule_9_an_entry_that_names_no_machine_matches_nothing_and_hides_nobody() {
    let world = World::new().await;
    let me = world.me.id();
    let odd = json!([
        null, 7, "x", me, [me], {}, {"id": null}, {"id": "mch_../x"}, {"id": ""}, {"id": [me]},
        {"id": "user_a"}, {"name": me},
    ]);
    let mut answer = world.answer();
    answer["scoped_machines"] = odd.clone();
    world.registry_answers(&answer);
    let error = world.service().verify(&world.jwt()).await.unwrap_err();
    assert_eq!(error.reason(), "wrong_receiver");
    world.clerk.clear_faults();
    let entries = answer["scoped_machines"].as_array_mut().unwrap();
    entries.push(json!({"id": me, "name": 7}));
    world.registry_answers(&answer);
    assert_eq!(status(&world.service(), &world.jwt()).await, 200);
}

#[tokio::test]
async fn rule_9_trouble_of_the_registry_is_told_apart_and_never_lets_anybody_in() {
    let table = [
        (
            Fault::status(401),
            "credentials",
            UpstreamProblem::Credentials,
        ),
        (
            Fault::status(403),
            "credentials",
            UpstreamProblem::Credentials,
        ),
        (Fault::status(402), "quota", UpstreamProblem::Quota),
        (
            Fault::status(429),
            "rate_limited",
            UpstreamProblem::RateLimited,
        ),
        (
            Fault::status(404)
                .header("content-type", "text/html")
                .body("<html>"),
            "upstream_answer",
            UpstreamProblem::Unreadable,
        ),
        (Fault::status(500), "upstream", UpstreamProblem::Failing),
        (Fault::hang(), "upstream", UpstreamProblem::Failing),
        (
            Fault::drop_connection(),
            "upstream",
            UpstreamProblem::Failing,
        ),
        (
            Fault::status(418),
            "upstream_answer",
            UpstreamProblem::Unreadable,
        ),
        (
            Fault::status(200).body("<html>"),
            "upstream_answer",
            UpstreamProblem::Unreadable,
        ),
    ];
    for (fault, reason, trouble) in table {
        let world = World::new().await;
        let service = world.service();
        let shown = format!("{fault:?}");
        world.clerk.fault(Endpoint::GetMachine, fault).always();
        let error = service.verify(&world.jwt()).await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.reason()),
            (503, reason),
            "{shown}"
        );
        assert_eq!(service.health().problem, Some(trouble), "{shown}");
        let is_paused = service.health().breaker == BreakerState::Paused;
        assert_eq!(
            is_paused,
            trouble == UpstreamProblem::RateLimited,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn rule_13_a_dead_registry_opens_the_breaker_and_a_strange_one_does_not() {
    for (fault, state) in [
        (Fault::status(500), BreakerState::Open),
        (Fault::reset_connection(), BreakerState::Open),
        (Fault::status(401), BreakerState::Closed),
        (Fault::status(418), BreakerState::Closed),
    ] {
        let world = World::new().await;
        let service = world.service();
        world.clerk.fault(Endpoint::GetMachine, fault).always();
        for _ in 0..5 {
            let sender = world.clerk.machine("sender").create();
            let token = world.clerk.m2m_jwt(&sender).create();
            assert_eq!(status(&service, token.token()).await, 503);
        }
        assert_eq!(service.health().breaker, state);
    }
}

#[tokio::test]
async fn rule_10_a_sender_that_is_forgotten_is_looked_up_again() {
    let world = World::new().await;
    let service = world.service();
    for looks in 1..=3 {
        assert_eq!(status(&service, &world.jwt()).await, 200);
        assert_eq!(status(&service, &world.jwt()).await, 200);
        assert_eq!(world.clerk.calls(Endpoint::GetMachine), looks);
        service.invalidate_subject(world.caller.id());
    }
    world.clerk.revoke_grant(&world.caller, &world.me);
    assert_eq!(status(&service, &world.jwt()).await, 401);
}

/// Each try costs a call, the second as well as the first.
#[tokio::test]
async fn rule_12_a_second_question_to_the_registry_asks_leave_of_the_budget() {
    for (calls, made) in [(1, 1), (2, 2)] {
        let world = World::new().await;
        let builder = world.builder().calls_per_second(calls).call_burst(1);
        let service = builder.unknown_calls_per_second(1).build().unwrap();
        let dead = Fault::drop_connection();
        world.clerk.fault(Endpoint::GetMachine, dead).always();
        assert_eq!(status(&service, &world.jwt()).await, 503);
        assert_eq!(world.clerk.calls(Endpoint::GetMachine), made, "of {calls}");
    }
}
