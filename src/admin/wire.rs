//! Parses Clerk's JSON leniently: numbers may be floats, times may have either unit.

use serde::{Deserialize, Deserializer, Serialize, de};

use super::token_secret::TokenSecret;
use crate::secret::MachineSecretKey;

/// The response to a deletion, which contains no more information than the status.
#[derive(Deserialize)]
pub(super) struct Gone {}

impl From<Gone> for () {
    fn from(_: Gone) {}
}

/// The body of a revocation.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Revocation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revocation_reason: Option<String>,
}

/// Reads a created token.
pub(super) fn token_secret<'de, D>(deserializer: D) -> Result<TokenSecret, D::Error>
where
    D: Deserializer<'de>,
{
    String::deserialize(deserializer).map(TokenSecret::from)
}

/// Reads a machine secret; public `Deserialize` would invite secrets into configuration files.
pub(super) fn machine_secret<'de, D>(deserializer: D) -> Result<MachineSecretKey, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    MachineSecretKey::new(text).map_err(de::Error::custom)
}

/// A number that Clerk's OpenAPI document calls `number`, and that may be written as `10` or
/// `10.0`.
pub(super) mod count {
    use serde::{Deserialize as _, Deserializer};

    pub(in crate::admin) fn deserialize<'de, D>(deserializer: D) -> Result<Option<u64>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let number = Option::<f64>::deserialize(deserializer)?;
        // The cast saturates: a negative number becomes 0, a huge one the largest.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(number.map(|number| number as u64))
    }
}

/// Whole seconds of a duration.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::admin) fn deserialize<'de, D>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let number = Option::<f64>::deserialize(deserializer)?;
        Ok(number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    }

    #[allow(clippy::ref_option)]
    pub(in crate::admin) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_u64(duration.as_secs()),
            None => serializer.serialize_none(),
        }
    }
}

/// A point in time: milliseconds since the Unix epoch, or seconds if the number is too small for
/// that.
///
/// OAuth access tokens have seconds, although the document does not say so; other objects have
/// milliseconds. Every time is parsed in this way, since no token is that old.
pub(super) mod time {
    use std::time::{SystemTime, UNIX_EPOCH};

    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::identity::UnixMillis;

    pub(in crate::admin) fn deserialize<'de, D>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error>
    where
        D: Deserializer<'de>,
    {
        Ok(Option::<f64>::deserialize(deserializer)?.and_then(read))
    }

    pub(super) fn read(number: f64) -> Option<SystemTime> {
        UnixMillis::from_clerk(number).map(UnixMillis::to_system_time)
    }

    #[allow(clippy::ref_option)]
    pub(in crate::admin) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        match since.and_then(|since| u64::try_from(since.as_millis()).ok()) {
            Some(millis) => serializer.serialize_u64(millis),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Probe {
        #[serde(default, with = "super::time")]
        at: Option<SystemTime>,
        #[serde(default, deserialize_with = "super::count::deserialize")]
        count: Option<u64>,
    }

    fn probe(json: &str) -> Probe {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn times_are_milliseconds_or_seconds_by_their_size() {
        let expected = Some(UNIX_EPOCH + Duration::from_secs(1_716_883_200));
        for number in [
            "1716883200",
            "1716883200.0",
            "1716883200000",
            "1716883200000.0",
        ] {
            assert_eq!(
                probe(&format!(r#"{{"at":{number}}}"#)).at,
                expected,
                "{number}"
            );
        }
        assert_eq!(probe(r#"{"at":null}"#).at, None);
        assert_eq!(probe("{}").at, None);
        assert_eq!(probe(r#"{"at":-1}"#).at, None);
        assert_eq!(probe(r#"{"at":1e300}"#).at, None);
    }

    #[test]
    fn counts_may_be_floats() {
        assert_eq!(probe(r#"{"count":12.0}"#).count, Some(12));
        assert_eq!(probe(r#"{"count":12}"#).count, Some(12));
        assert_eq!(probe("{}").count, None);
    }
}
