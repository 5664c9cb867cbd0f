//! The bounds of settings that are numbers, times or names.

use std::time::Duration;

use super::settings::Settings;
use crate::config::BuildError;

/// The name of a setting, whether it is out of bounds, and the bounds.
type Rule = (&'static str, bool, &'static str);

const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
/// The upper bound of `max_token_len`.
///
/// No token of Clerk's comes near it. Each byte of a token is hashed before anything is known about it,
/// so longer ones should be rejected by the HTTP server already.
const MAX_TOKEN_LEN: usize = 64 * 1024;
/// The longest time that is stored. It ensures that no addition of times overflows.
const DAY: Duration = Duration::from_secs(86_400);

/// The minimum cache memory. Less would hold only a dozen of the largest verdicts.
const MIB: u64 = 1_048_576;

/// Checks all numbers. Returns an error for the first that is out of bounds.
pub(super) fn check_bounds(settings: &Settings) -> Result<(), BuildError> {
    let rules = times(settings).into_iter().chain(numbers(settings));
    let mut broken = rules.filter(|(_, is_broken, _)| *is_broken);
    match broken.next() {
        Some((setting, _, bound)) => Err(BuildError::new(
            setting,
            format_args!("it has to be {bound}"),
        )),
        None => Ok(()),
    }
}

#[rustfmt::skip]
fn times(settings: &Settings) -> [Rule; 13] {
    const TIMEOUT: &str = "more than zero and at most 60 s";
    const AT_MOST_A_DAY: &str = "at most a day (86 400 s)";
    let (opaque, keys) = (&settings.opaque, &settings.keys);
    let is_no_timeout = |time: Duration| time.is_zero() || time > MINUTE;
    [
        ("fresh_for",          opaque.fresh > DAY,                       AT_MOST_A_DAY),
        ("stale_if_error",     opaque.stale_if_error > FIVE_MINUTES,     "at most 300 s"),
        ("negative_for",       opaque.negative > DAY,                    AT_MOST_A_DAY),
        ("jwt_verdict_for",    settings.jwt_verdict > FIVE_MINUTES,      "at most 300 s"),
        ("clock_skew",         settings.skew > MINUTE,                   "at most 60 s"),
        ("timeout",            is_no_timeout(settings.timeout),          TIMEOUT),
        ("connect_timeout",    is_no_timeout(settings.connect_timeout),  TIMEOUT),
        ("keys_fresh_for",     keys.fresh > DAY,                         AT_MOST_A_DAY),
        ("keys_refresh_ahead", keys.refresh_ahead >= keys.fresh,         "less than keys_fresh_for"),
        ("keys_cooldown",      keys.cooldown.is_zero(),                  "more than zero"),
        ("keys_cooldown",      keys.cooldown > DAY,                      AT_MOST_A_DAY),
        ("max_jwt_lifetime",   settings.max_jwt_lifetime.is_some_and(|time| time.is_zero()), "more than zero"),
        ("keys_max_stale",     keys.max_stale > DAY,                     AT_MOST_A_DAY),
    ]
}

#[rustfmt::skip]
fn numbers(settings: &Settings) -> [Rule; 9] {
    const AT_MOST_64_KIB: &str = "at most 65536 bytes";
    const CLIENTS: &str = "a list of one or more client ids, of visible ASCII without spaces";
    const SUBJECTS: &str = "one or more of `user_`, `org_`, `mch_`, `scim_`";
    let budget = settings.call_budget();
    let is_small = settings.cache_bytes.is_some_and(|bytes| bytes < MIB);
    let has_no_name = settings.audience.iter().any(String::is_empty);
    let are_clients = settings.clients.as_deref().is_none_or(are_clients);
    let are_subjects = are_subjects(&settings.api_key_subjects);
    [
        ("cache_bytes",              is_small,                       "at least 1 048 576 (1 MiB)"),
        ("max_token_len",            settings.max_token_len == 0,    "at least 1"),
        ("max_token_len",            settings.max_token_len > MAX_TOKEN_LEN, AT_MOST_64_KIB),
        ("calls_per_second",         budget.total == 0,              "at least 1"),
        ("unknown_calls_per_second", budget.unknown > budget.total,  "at most calls_per_second"),
        ("calls_in_flight",          settings.in_flight == 0,        "at least 1"),
        ("api_key_subjects",         !are_subjects,                  SUBJECTS),
        ("audience",                 has_no_name,                    "a name"),
        ("allow_clients",            !are_clients,                   CLIENTS),
    ]
}

fn are_clients(ids: &[String]) -> bool {
    let is_client = |id: &String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
    !ids.is_empty() && ids.iter().all(is_client)
}

fn are_subjects(prefixes: &[String]) -> bool {
    const SUBJECTS: [&str; 4] = ["user_", "org_", "mch_", "scim_"];
    !prefixes.is_empty()
        && prefixes
            .iter()
            .all(|prefix| SUBJECTS.contains(&prefix.as_str()))
}
