//! Faults: planning, listing and removal.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Answer, Problem};
use super::request::{Request, body};
use crate::clock::Clock as _;
use crate::testing::endpoint::Endpoint;
use crate::testing::fault::Fault;
use crate::testing::fault_plan::{Left, Planned};
use crate::testing::reply::Reply;
use crate::testing::shared::Shared;

/// Longer than any client waits, in milliseconds.
const LONGEST_DELAY: u64 = 600_000;
const LONGEST_DURATION: u64 = 315_360_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewFault {
    endpoint: String,
    effect: Effect,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    retry_after_seconds: Option<u64>,
    #[serde(default)]
    delay_millis: u64,
    /// How many calls are skipped first.
    #[serde(default)]
    skip: u64,
    /// How many calls it applies to; all calls by default.
    #[serde(default)]
    times: Option<u64>,
    /// For how long it applies, by the emulator's clock.
    #[serde(default)]
    duration_seconds: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    Status,
    Delay,
    Hang,
    Drop,
    Reset,
    DropAfterApplying,
    TruncatedBody,
    SlowBody,
}

impl NewFault {
    fn fault(&self) -> Result<Fault, Problem> {
        let fault = match self.effect {
            Effect::Status => Fault::status(self.checked_status()?),
            Effect::Delay => Fault::altered(),
            Effect::Hang => Fault::hang(),
            Effect::Drop => Fault::drop_connection(),
            Effect::Reset => Fault::reset_connection(),
            Effect::DropAfterApplying => Fault::drop_after_applying(),
            Effect::TruncatedBody => Fault::truncated_body(),
            Effect::SlowBody => Fault::slow_body(16, Duration::from_millis(100)),
        };
        if self.delay_millis > LONGEST_DELAY {
            let why = format!("`delayMillis` must be at most {LONGEST_DELAY}");
            return Err(Problem::invalid(why));
        }
        let fault = fault.after(Duration::from_millis(self.delay_millis));
        Ok(match self.retry_after_seconds {
            Some(seconds) => fault.header("retry-after", &seconds.to_string()),
            None => fault,
        })
    }

    /// A status below 200 is not a final response.
    fn checked_status(&self) -> Result<u16, Problem> {
        let status = self.status.unwrap_or(503);
        if StatusCode::from_u16(status).is_ok() && (200..600).contains(&status) {
            return Ok(status);
        }
        Err(Problem::invalid("`status` must be between 200 and 599"))
    }

    fn left(&self, now: Duration) -> Result<Left, Problem> {
        match (self.times, self.duration_seconds) {
            (Some(_), Some(_)) => Err(Problem::invalid(
                "give `times` or `durationSeconds`, not both",
            )),
            (_, Some(0)) => Err(Problem::invalid("`durationSeconds` must be at least 1")),
            (Some(0), _) => Err(Problem::invalid("`times` must be at least 1")),
            (Some(times), _) => Ok(Left::Calls(times)),
            (_, Some(seconds)) if seconds > LONGEST_DURATION => {
                let why = format!("`durationSeconds` must be at most {LONGEST_DURATION}");
                Err(Problem::invalid(why))
            }
            (_, Some(seconds)) => Ok(Left::Until(
                now.saturating_add(Duration::from_secs(seconds)),
            )),
            (None, None) => Ok(Left::Always),
        }
    }
}

pub(super) fn create(request: &Request<'_>) -> Answer {
    let new: NewFault = body(request.call)?;
    let all = Endpoint::all().into_iter();
    let endpoint = all
        .into_iter()
        .find(|endpoint| endpoint.name() == new.endpoint);
    let endpoint = endpoint.ok_or_else(|| {
        Problem::invalid(
            "`endpoint` must be `Any` or the name of an operation, as `VerifyM2mToken`",
        )
    })?;
    let now = request.shared.clock.monotonic();
    let (left, fault) = (new.left(now)?, new.fault()?);
    let planned = request.shared.faults.plan(endpoint, fault, new.skip, left);
    Ok(Reply::json(201, &render(&planned, now)))
}

/// The endpoints to which a fault can apply; `Any` is every request.
pub(super) fn endpoints(_: &Request<'_>) -> Answer {
    let any = json!({ "name": "Any", "method": "", "path": "" });
    let shown = Endpoint::routed().map(|(endpoint, method, path)| {
        let path = format!("/{}", path.replace("{}", "…"));
        json!({ "name": endpoint.name(), "method": method, "path": path })
    });
    Ok(Reply::ok(&std::iter::once(any).chain(shown).collect()))
}

pub(super) fn list(request: &Request<'_>) -> Answer {
    Ok(Reply::ok(&show(request.shared)))
}

pub(super) fn clear(request: &Request<'_>) -> Answer {
    request.shared.faults.clear(None);
    Ok(Reply::empty(204))
}

pub(super) fn delete(request: &Request<'_>) -> Answer {
    let id = request.id(0).parse().ok();
    if id.is_some_and(|id| request.shared.faults.remove(id)) {
        Ok(Reply::empty(204))
    } else {
        Err(Problem::not_found("fault"))
    }
}

pub(super) fn show(shared: &Shared) -> Value {
    let now = shared.clock.monotonic();
    let planned = shared.faults.planned(now);
    planned.iter().map(|plan| render(plan, now)).collect()
}

fn render(plan: &Planned, now: Duration) -> Value {
    let (calls, seconds) = match plan.left {
        Left::Calls(calls) => (Some(calls), None),
        Left::Until(until) => (None, Some(until.saturating_sub(now).as_secs())),
        Left::Always => (None, None),
    };
    json!({
        "id": plan.id,
        "endpoint": plan.endpoint.name(),
        "effect": plan.effect,
        "skip": plan.skip,
        "timesLeft": calls,
        "secondsLeft": seconds,
    })
}
