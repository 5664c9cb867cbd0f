//! When faults apply: to which endpoint, how often, for how long.

use std::sync::Mutex;
use std::time::Duration;

use super::clock::TestClock;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::lock::lock;
use crate::clock::Clock as _;

/// The planned faults, in the order in which they were planned.
#[derive(Default)]
pub(super) struct Faults {
    plans: Mutex<Plans>,
}

#[derive(Default)]
struct Plans {
    list: Vec<Plan>,
    next_id: u64,
}

struct Plan {
    id: u64,
    endpoint: Endpoint,
    fault: Fault,
    skip: u64,
    left: Left,
}

/// The rest of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    Calls(u64),
    Until(Duration),
    Always,
}

impl Plan {
    fn shown(&self) -> Planned {
        Planned {
            id: self.id,
            endpoint: self.endpoint,
            effect: self.fault.to_string(),
            skip: self.skip,
            left: self.left,
        }
    }

    fn over(&self, now: Duration) -> bool {
        match self.left {
            Left::Calls(calls) => calls == 0,
            Left::Until(until) => until <= now,
            Left::Always => false,
        }
    }

    /// Returns `true` if the plan applies to this call; counts skipped calls.
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
    /// Returns the fault for this call: the first planned one that applies.
    pub(super) fn next_fault(&self, endpoint: Endpoint, now: Duration) -> Option<Fault> {
        let mut plans = lock(&self.plans);
        plans.list.retain(|plan| !plan.over(now));
        let plan = plans
            .list
            .iter_mut()
            .find_map(|plan| plan.applies_to(endpoint).then_some(plan));
        plan.map(|plan| plan.fault.clone())
    }

    pub(super) fn clear(&self, endpoint: Option<Endpoint>) {
        let mut plans = lock(&self.plans);
        plans
            .list
            .retain(|plan| endpoint.is_some_and(|cleared| cleared != plan.endpoint));
    }

    /// Plans a fault, and returns the plan as the console shows it.
    pub(super) fn plan(&self, endpoint: Endpoint, fault: Fault, skip: u64, left: Left) -> Planned {
        let mut plans = lock(&self.plans);
        let id = plans.next_id;
        plans.next_id += 1;
        let plan = Plan {
            id,
            endpoint,
            fault,
            skip,
            left,
        };
        let planned = plan.shown();
        plans.list.push(plan);
        planned
    }

    /// Removes a plan; returns `false` if there is none with this id.
    pub(super) fn remove(&self, id: u64) -> bool {
        let mut plans = lock(&self.plans);
        let before = plans.list.len();
        plans.list.retain(|plan| plan.id != id);
        plans.list.len() < before
    }

    /// The plans that may still apply, in the order in which they were planned.
    pub(super) fn planned(&self, now: Duration) -> Vec<Planned> {
        let plans = lock(&self.plans);
        let alive = plans.list.iter().filter(|plan| !plan.over(now));
        alive.map(Plan::shown).collect()
    }
}

/// A planned fault as the console shows it.
pub(super) struct Planned {
    pub(super) id: u64,
    pub(super) endpoint: Endpoint,
    pub(super) effect: String,
    pub(super) skip: u64,
    pub(super) left: Left,
}

/// A fault that needs to know how often it applies; until then, it never applies.
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

    /// Skips this many calls first.
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

    /// Applies to every call until this much time has passed on the emulator's monotonic clock.
    pub fn for_duration(self, duration: Duration) {
        let until = self.clock.monotonic().saturating_add(duration);
        self.install(Left::Until(until));
    }

    /// Applies to every call until the faults are cleared.
    pub fn always(self) {
        self.install(Left::Always);
    }

    fn install(self, left: Left) {
        self.faults.plan(self.endpoint, self.fault, self.skip, left);
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults")
            .field("plans", &lock(&self.plans).list.len())
            .finish()
    }
}
