//! Tests of the breaker (rule 13).

use super::*;
use crate::cache::{Domain, KeyHasher, Priority};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Calls about different machines.
fn calls(priority: Priority) -> Vec<CallInfo> {
    let hasher = KeyHasher::new().unwrap();
    let call = |n: usize| CallInfo {
        priority,
        endpoint: Endpoint::Machine,
        key: hasher.key(Domain::Machine, n.to_string().as_bytes()),
        patience: Duration::ZERO,
    };
    (0..100).map(call).collect()
}

fn open() -> Breaker {
    let breaker = Breaker::default();
    for call in calls(Priority::New).iter().take(5) {
        assert_eq!(breaker.check(call, at(0)).unwrap(), Admission::Normal);
        breaker.failed(call.key, at(0));
    }
    breaker
}

#[test]
fn rule_13_failures_in_a_row_hold_calls_back() {
    let breaker = open();
    assert_eq!(breaker.state(at(0)), BreakerState::Open);
    let error = breaker.check(&calls(Priority::New)[0], at(0)).unwrap_err();
    assert_eq!(
        (error.cause(), error.retry_after()),
        (Reason::Upstream, Some(PROBE_EVERY))
    );
}

#[test]
fn rule_13_failures_of_fewer_than_three_tokens_hold_nobody_else_back() {
    let (breaker, calls) = (Breaker::default(), calls(Priority::Revalidation));
    for n in 0..1_000 {
        breaker.failed(calls[n % 2].key, at(0));
    }
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    assert!(breaker.check(&calls[0], at(0)).is_err());
    assert!(breaker.check(&calls[2], at(0)).is_ok());
    breaker.failed(calls[2].key, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Open);
}

#[test]
fn rule_13_odd_answers_neither_open_it_nor_close_it() {
    let calls = calls(Priority::Revalidation);
    let breaker = Breaker::default();
    for call in &calls {
        breaker.unexpected(call.key, Reason::UpstreamAnswer, at(0));
    }
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    let breaker = open();
    breaker.unexpected(calls[0].key, Reason::UpstreamAnswer, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Open);
    breaker.refused(calls[0].key, Reason::Credentials, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
}

#[test]
fn rule_13_a_good_answer_between_failures_starts_the_count_anew() {
    let (breaker, calls) = (Breaker::default(), calls(Priority::New));
    for _ in 0..100 {
        for call in &calls[1..5] {
            breaker.failed(call.key, at(0));
        }
        breaker.worked(&calls[0].key);
    }
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
}

#[test]
fn rule_13_one_probe_in_each_half_second_and_none_is_waited_for() {
    let (breaker, calls) = (open(), calls(Priority::New));
    let probes = (0..10_000).filter(|n| breaker.check(&calls[50], at(*n)).is_ok());
    assert_eq!(
        probes.count(),
        19,
        "from 500 ms on, lost without a report each time"
    );
    breaker.worked(&calls[50].key);
    for call in &calls {
        assert_eq!(breaker.check(call, at(10_001)).unwrap(), Admission::Normal);
    }
}

#[test]
fn rule_13_known_tokens_send_their_probes_first() {
    let (breaker, unknown, known) = (open(), calls(Priority::New), calls(Priority::Revalidation));
    let mut by_known = 0;
    for n in 0..10_000 {
        assert!(breaker.check(&unknown[0], at(n)).is_err(), "at {n} ms");
        by_known += u32::from(breaker.check(&known[0], at(n)).is_ok());
    }
    assert_eq!(by_known, 39, "one in each quarter second");
}

/// A known token that always fails does not keep the breaker open after an outage.
#[test]
fn rule_13_no_token_takes_every_probe() {
    let (breaker, calls) = (open(), calls(Priority::Revalidation));
    let (poison, innocent) = (&calls[0], &calls[1]);
    for _ in 0..5 {
        breaker.failed(poison.key, at(0));
    }
    for n in 0..2_000 {
        if breaker.check(poison, at(n)).is_ok() {
            breaker.failed(poison.key, at(n));
        }
        if breaker.check(innocent, at(n)).is_ok() {
            breaker.worked(&innocent.key);
        }
    }
    assert_eq!(breaker.state(at(2_000)), BreakerState::Closed);
}

#[test]
fn rule_13_a_call_that_waited_is_looked_at_again() {
    let (breaker, call) = (open(), calls(Priority::Revalidation)[0]);
    assert!(
        breaker
            .check_again(&call, Admission::Normal, at(0))
            .is_err()
    );
    assert!(breaker.check_again(&call, Admission::Probe, at(0)).is_ok());
    breaker.pause(at(0), Some(at(100)));
    assert!(
        breaker
            .check_again(&call, Admission::Probe, at(99))
            .is_err()
    );
    assert!(
        breaker
            .check_again(&call, Admission::Probe, at(100))
            .is_ok()
    );
}

#[test]
fn rule_13_retry_after_is_kept_up_to_a_bound() {
    let (breaker, call) = (Breaker::default(), calls(Priority::Revalidation)[0]);
    assert_eq!(breaker.pause(at(0), Some(at(86_400_000))), LONGEST_PAUSE);
    assert_eq!(breaker.pause(at(0), Some(at(2_000))), at(2_000));
    assert_eq!(
        breaker.check(&call, at(29_999)).unwrap_err().cause(),
        Reason::RateLimited
    );
    assert!(breaker.check(&call, at(30_000)).is_ok());
    assert_eq!(Breaker::default().pause(at(0), None), DEFAULT_PAUSE);
}

#[test]
fn rule_8_a_quota_holds_back_its_own_kind_only() {
    use crate::token::TokenType;
    let (breaker, call) = (Breaker::default(), calls(Priority::Revalidation)[0]);
    let key = CallInfo {
        endpoint: Endpoint::Token(TokenType::ApiKey),
        ..call
    };
    assert_eq!(breaker.over_quota(&key, at(0), None), QUOTA_PAUSE);
    let error = breaker.check(&key, at(29_999)).unwrap_err();
    assert_eq!(
        (error.cause(), error.retry_after()),
        (Reason::Quota, Some(at(1)))
    );
    assert!(breaker.check(&call, at(0)).is_ok());
    assert!(breaker.check(&key, at(30_000)).is_ok());
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
}
