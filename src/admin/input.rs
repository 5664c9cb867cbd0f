//! Validates input before the call, and names the field that Clerk would reject.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;

use crate::backend::AdminError;

/// The longest default lifetime that Clerk allows for a machine's tokens: ten years.
const MAX_DEFAULT_TOKEN_TTL: u64 = 315_360_000;
/// How many machines a machine may reach.
const MAX_SCOPES: usize = 150;
const MAX_DESCRIPTION: usize = 255;

/// The prefixes of subjects that an API key can have.
pub(super) const SUBJECTS: [&str; 4] = ["user_", "org_", "mch_", "scim_"];

type Checked<T> = Result<T, AdminError>;

pub(super) fn machine_name(name: &str) -> Checked<()> {
    match name.chars().count() {
        0 => Err(AdminError::invalid("name", "is empty")),
        1..=255 => Ok(()),
        _ => Err(AdminError::invalid("name", "has more than 255 characters")),
    }
}

pub(super) fn scoped_machines(count: usize) -> Checked<()> {
    if count > MAX_SCOPES {
        return Err(AdminError::invalid(
            "scoped_machines",
            "names more than 150 machines",
        ));
    }
    Ok(())
}

pub(super) fn default_token_ttl(ttl: Duration) -> Checked<u64> {
    match whole_seconds("default_token_ttl", ttl)? {
        seconds @ 1..=MAX_DEFAULT_TOKEN_TTL => Ok(seconds),
        _ => Err(AdminError::invalid(
            "default_token_ttl",
            "is not within 1 to 315360000 seconds",
        )),
    }
}
pub(super) fn key_name(name: &str) -> Checked<()> {
    if name.chars().count() < 3 {
        return Err(AdminError::invalid(
            "name",
            "has fewer than three characters",
        ));
    }
    if name.trim() != name || name.contains(['\n', '\r', '\u{2028}', '\u{2029}']) {
        return Err(AdminError::invalid(
            "name",
            "begins or ends with white space, or holds a line break",
        ));
    }
    Ok(())
}

pub(super) fn key_type(kind: &str) -> Checked<()> {
    match kind.chars().count() {
        3..=25 => Ok(()),
        _ => Err(AdminError::invalid(
            "type",
            "is not 3 to 25 characters long",
        )),
    }
}

pub(super) fn description(text: &str) -> Checked<()> {
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(AdminError::invalid(
            "description",
            "has more than 255 characters",
        ));
    }
    Ok(())
}

/// Checks the subject of an API key: a user, an organization, a machine, or a SCIM directory.
pub(super) fn key_subject(field: &'static str, subject: &str, prefixes: &[&str]) -> Checked<()> {
    let rest = prefixes.iter().find_map(|p| subject.strip_prefix(p));
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match rest {
        Some(rest) if !rest.is_empty() && rest.len() <= 123 && rest.bytes().all(word) => Ok(()),
        _ => Err(AdminError::invalid(
            field,
            "is not an identifier of an allowed kind",
        )),
    }
}

/// The lifetime of a new token or key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lifetime {
    /// Clerk's default.
    Default,
    /// No expiry, if Clerk allows it.
    Unlimited,
    /// This long, more than zero; Clerk accepts fractions of a second here.
    Of(Duration),
}

impl Lifetime {
    /// Returns `seconds_until_expiration`: absent, null, or a number.
    pub(super) fn seconds(self) -> Checked<Option<Value>> {
        match self {
            Self::Default => Ok(None),
            Self::Unlimited => Ok(Some(Value::Null)),
            Self::Of(Duration::ZERO) => {
                Err(AdminError::invalid("seconds_until_expiration", "is zero"))
            }
            Self::Of(lifetime) => Ok(Some(match lifetime.subsec_nanos() {
                0 => Value::from(lifetime.as_secs()),
                _ => Value::from(lifetime.as_secs_f64()),
            })),
        }
    }
}

/// Checks a token to verify.
pub(super) fn token(field: &'static str, token: &SecretString) -> Checked<()> {
    if token.expose_secret().is_empty() {
        return Err(AdminError::invalid(field, "is empty"));
    }
    Ok(())
}

pub(super) fn limit(limit: u32, largest: u32) -> Checked<()> {
    if (1..=largest).contains(&limit) {
        return Ok(());
    }
    let reason = if largest == 500 {
        "is not within 1 to 500"
    } else {
        "is not within 1 to 100"
    };
    Err(AdminError::invalid("limit", reason))
}

/// Serializes the caller's claims as JSON.
pub(super) fn claims(claims: impl Serialize) -> Checked<Value> {
    serde_json::to_value(claims)
        .map_err(|_| AdminError::invalid("claims", "cannot be written as JSON"))
}

/// Checks a value if it is set.
pub(super) fn optional<T, U>(
    value: Option<T>,
    check: impl FnOnce(T) -> Checked<U>,
) -> Checked<Option<U>> {
    value.map(check).transpose()
}

pub(super) fn whole_seconds(field: &'static str, duration: Duration) -> Checked<u64> {
    match duration.subsec_nanos() {
        0 => Ok(duration.as_secs()),
        _ => Err(AdminError::invalid(
            field,
            "is not a whole number of seconds",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn field<T: std::fmt::Debug>(result: Checked<T>) -> &'static str {
        result.unwrap_err().field().unwrap()
    }

    #[test]
    fn bounds_of_the_document_are_the_bounds_here() {
        assert_eq!(
            default_token_ttl(SECOND * 315_360_000).unwrap(),
            315_360_000
        );
        assert_eq!(
            field(default_token_ttl(SECOND * 315_360_001)),
            "default_token_ttl"
        );
        assert_eq!(
            field(default_token_ttl(Duration::ZERO)),
            "default_token_ttl"
        );
        assert_eq!(
            field(default_token_ttl(SECOND.mul_f64(1.5))),
            "default_token_ttl"
        );
        assert!(scoped_machines(150).is_ok());
        assert_eq!(field(scoped_machines(151)), "scoped_machines");
        assert!(machine_name(&"é".repeat(255)).is_ok());
        assert_eq!(field(machine_name(&"é".repeat(256))), "name");
        assert_eq!(field(machine_name("")), "name");
    }

    #[test]
    fn key_names_follow_the_documents_pattern() {
        for good in ["abc", "a b", "é é"] {
            assert!(key_name(good).is_ok(), "{good:?}");
        }
        for bad in ["", "ab", " abc", "abc ", "a\nb", "\u{a0}abc"] {
            assert_eq!(field(key_name(bad)), "name", "{bad:?}");
        }
    }

    #[test]
    fn pages_have_the_documents_limits() {
        assert!(limit(1, 100).is_ok() && limit(100, 100).is_ok() && limit(500, 500).is_ok());
        for (bad, largest) in [(0, 100), (101, 100), (0, 500), (501, 500)] {
            assert_eq!(field(limit(bad, largest)), "limit", "{bad} of {largest}");
        }
    }

    #[test]
    fn a_lifetime_is_sent_whole_where_it_is_whole() {
        let of = |lifetime| Lifetime::Of(lifetime).seconds();
        assert_eq!(of(SECOND * 600).unwrap().unwrap().to_string(), "600");
        assert_eq!(of(SECOND.mul_f64(1.5)).unwrap().unwrap().to_string(), "1.5");
        assert_eq!(field(of(Duration::ZERO)), "seconds_until_expiration");
        assert_eq!(Lifetime::Unlimited.seconds().unwrap(), Some(Value::Null));
        assert_eq!(Lifetime::Default.seconds().unwrap(), None);
    }
}
