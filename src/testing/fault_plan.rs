//! When faults apply: to which endpoint, how often, for how long.

use std::sync::Mutex;
use std::time::Duration;

use super::clock::TestClock;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::lock::lock;
use crate::clock::Clock as _;

/// The faults that are to come, in the order in which they were planned.
#[derive(Default)]
pub(super) struct Faults {
    plans: Mutex<Vec<Plan>>,
}

struct Plan {
    endpoint: Endpoint,
    fault: Fault,
    skip: u64,
    left: Left,
}

/// What is left of a plan.
#[derive(Debug, Clone, Copy)]
enum Left {
    Calls(u64),
    Until(Duration),
    Always,
}

impl Plan {
    fn over(&self, now: Duration) -> bool {
        match self.left {
            Left::Calls(calls) => calls == 0,
            Left::Until(until) => until <= now,
            Left::Always => false,
        }
    }

    /// Returns `true` if the plan applies to this call; a call that it skips is counted.
    fn applies_to(&mut self, endpoint: Endpoint) -> bool {
        if self.endpoint != endpoint && self.endpoint != Endpoint::Any {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let Left::Calls(calls) = &mut self.left {
            *calls -= 1;
        }
        true
    }
}

impl Faults {
    /// Returns the fault for this call: the first one planned that fits.
    pub(super) fn next_fault(&self, endpoint: Endpoint, now: Duration) -> Option<Fault> {
        let mut plans = lock(&self.plans);
        plans.retain(|plan| !plan.over(now));
        let plan = plans
            .iter_mut()
            .find_map(|plan| plan.applies_to(endpoint).then_some(plan));
        plan.map(|plan| plan.fault.clone())
    }

    pub(super) fn clear(&self, endpoint: Option<Endpoint>) {
        lock(&self.plans).retain(|plan| endpoint.is_some_and(|cleared| cleared != plan.endpoint));
    }
}

/// A fault that does not yet say how often it applies. Until it does, it never applies.
#[derive(Debug)]
#[must_use = "say `.once()`, `.times(n)`, `.for_duration(d)` or `.always()`"]
pub struct FaultPlan<'a> {
    faults: &'a Faults,
    clock: &'a TestClock,
    endpoint: Endpoint,
    fault: Fault,
    skip: u64,
}

impl<'a> FaultPlan<'a> {
    pub(super) fn new(
        faults: &'a Faults,
        clock: &'a TestClock,
        endpoint: Endpoint,
        fault: Fault,
    ) -> Self {
        Self {
            faults,
            clock,
            endpoint,
            fault,
            skip: 0,
        }
    }

    /// Lets this many calls pass first.
    pub fn skip(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// Applies to the next call.
    pub fn once(self) {
        self.times(1);
    }

    /// Applies to the next `calls` calls.
    pub fn times(self, calls: u64) {
        self.install(Left::Calls(calls));
    }

    /// Applies to every call from now on until the emulator's monotonic clock has moved this far.
    pub fn for_duration(self, duration: Duration) {
        let until = self.clock.monotonic().saturating_add(duration);
        self.install(Left::Until(until));
    }

    /// Applies to every call until the faults are cleared.
    pub fn always(self) {
        self.install(Left::Always);
    }

    fn install(self, left: Left) {
        let plan = Plan {
            endpoint: self.endpoint,
            fault: self.fault,
            skip: self.skip,
            left,
        };
        lock(&self.faults.plans).push(plan);
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("plans", &lock(&self.plans).len())
            .finish()
    }
}
