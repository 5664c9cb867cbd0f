//! Tests of the budget, alone and among replicas that share one limit.

use super::*;

const CONFIG: BudgetConfig = BudgetConfig {
    total: 80,
    unknown: 60,
    burst: 150,
};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Counts how many of `tries` are admitted in each of ten seconds.
fn let_through(budget: &Budget, priority: Priority, second: u64, tries: u64) -> usize {
    (0..tries)
        .filter(|n| {
            budget
                .take(priority, at(second * 1000 + n * 1000 / tries))
                .is_ok()
        })
        .count()
}

#[test]
fn rule_12_unknown_tokens_use_their_part_and_no_more() {
    let budget = Budget::new(CONFIG, at(0));
    assert!((150..=216).contains(&let_through(&budget, Priority::New, 0, 10_000)));
    for second in 1..60 {
        let through = let_through(&budget, Priority::New, second, 10_000);
        assert!((59..=61).contains(&through), "{through} in second {second}");
    }
}

#[test]
fn rule_12_known_tokens_keep_their_part_under_a_flood() {
    let budget = Budget::new(CONFIG, at(0));
    for second in 0..10 {
        let_through(&budget, Priority::New, second, 10_000);
        let known = let_through(&budget, Priority::Revalidation, second, 20);
        assert_eq!(known, 20, "in second {second}");
    }
}

#[test]
fn rule_12_known_tokens_use_what_unknown_ones_leave() {
    let budget = Budget::new(CONFIG, at(0));
    let_through(&budget, Priority::Revalidation, 0, 1_000);
    for second in 1..10 {
        let through = let_through(&budget, Priority::Revalidation, second, 1_000);
        assert!((78..=82).contains(&through), "{through} in second {second}");
    }
}

#[test]
fn rule_12_nobody_waits_longer_than_a_tenth_of_a_second() {
    let budget = Budget::new(CONFIG, at(0));
    let waits: Vec<_> = (0..400)
        .map(|_| budget.take(Priority::New, at(0)))
        .collect();
    let granted: Vec<_> = waits.iter().filter_map(|wait| wait.ok()).collect();
    assert_eq!(granted.len(), 156);
    assert!(granted.iter().all(|wait| *wait <= LONGEST_WAIT));
    assert!(
        waits
            .iter()
            .all(|wait| wait.is_ok_and(|w| w <= LONGEST_WAIT) || wait.is_err())
    );
    assert!(!budget.take_at_once(Priority::New, at(0)));
    assert!(budget.take_at_once(Priority::Revalidation, at(0)));
}

#[test]
fn rule_12_a_budget_of_nothing_lets_nothing_through() {
    let none = BudgetConfig {
        total: 0,
        unknown: 0,
        burst: 10,
    };
    let budget = Budget::new(none, at(0));
    assert!(budget.take(Priority::New, at(0)).is_err());
    assert!(budget.take(Priority::Revalidation, at(5_000)).is_err());
}
