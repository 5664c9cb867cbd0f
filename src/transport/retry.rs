//! Decides whether and when a call is retried, without I/O.

use std::time::Duration;

use http::StatusCode;

use super::answer::Answer;
use super::error::TransportError;
use crate::random::jitter;

/// How often and for how long a call is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// The time for all attempts together, including pauses.
    pub(crate) deadline: Duration,
    /// The number of attempts after the first.
    pub(crate) retries: u32,
    /// The pause before the first retry, ±50 %. It doubles with each further retry.
    pub(crate) pause: Duration,
    /// Whether to retry after a 429 if `Retry-After` leaves time for it.
    pub(crate) wait_for_rate_limit: bool,
}

impl RetryPolicy {
    /// For calls that must not be repeated.
    pub(crate) const fn once(deadline: Duration) -> Self {
        Self {
            deadline,
            retries: 0,
            pause: Duration::ZERO,
            wait_for_rate_limit: false,
        }
    }

    /// For the verification of a token: one quick retry, because a request is waiting.
    pub(crate) const fn verification(deadline: Duration) -> Self {
        let pause = Duration::from_millis(100);
        Self {
            deadline,
            retries: 1,
            pause,
            wait_for_rate_limit: false,
        }
    }

    /// For reads of the admin client, for which no request waits.
    pub(crate) const fn safe(deadline: Duration) -> Self {
        let pause = Duration::from_millis(200);
        Self {
            deadline,
            retries: 3,
            pause,
            wait_for_rate_limit: true,
        }
    }

    /// Returns the pause before the next attempt, or `None` if the outcome is final.
    pub(super) fn pause_after(
        &self,
        tries: u32,
        outcome: &Result<Answer, TransportError>,
        left: Duration,
    ) -> Option<Duration> {
        if tries > self.retries {
            return None;
        }
        let pause = self.requested_pause(tries, outcome)?;
        (pause < left).then_some(pause)
    }

    fn requested_pause(
        &self,
        tries: u32,
        outcome: &Result<Answer, TransportError>,
    ) -> Option<Duration> {
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        let own = || jitter(self.pause.saturating_mul(doubled));
        match outcome {
            Ok(answer) => match answer.status {
                StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Some(answer.retry_after().unwrap_or_else(own)),
                StatusCode::TOO_MANY_REQUESTS if self.wait_for_rate_limit => {
                    Some(answer.retry_after().unwrap_or_else(own))
                }
                _ => None,
            },
            Err(error) => error.is_broken_connection().then(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::TransportErrorKind;
    use super::*;
    use http::{HeaderMap, header};

    const POLICY: RetryPolicy = RetryPolicy::verification(Duration::from_secs(3));

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Answer, TransportError> {
        let headers = retry_after.map(|value| (header::RETRY_AFTER, value.parse().unwrap()));
        Ok(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter(headers),
            body: Default::default(),
        })
    }

    #[test]
    fn rule_8_only_502_to_504_are_tried_again() {
        let left = Duration::from_secs(2);
        for status in [200, 400, 401, 403, 404, 409, 422, 429, 500, 501, 505] {
            assert_eq!(
                POLICY.pause_after(1, &answer(status, None), left),
                None,
                "{status}"
            );
        }
        for status in [502, 503, 504] {
            assert!(
                POLICY.pause_after(1, &answer(status, None), left).is_some(),
                "{status}"
            );
            assert_eq!(
                POLICY.pause_after(2, &answer(status, None), left),
                None,
                "second {status}"
            );
        }
    }

    #[test]
    fn rule_8_retry_after_is_honoured_within_the_deadline() {
        let one_second = answer(503, Some("1"));
        assert_eq!(
            POLICY.pause_after(1, &one_second, Duration::from_secs(2)),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            POLICY.pause_after(1, &one_second, Duration::from_secs(1)),
            None
        );
        assert_eq!(
            POLICY.pause_after(1, &answer(503, Some("86400")), Duration::from_secs(3)),
            None
        );
    }

    #[test]
    fn rule_8_what_another_connection_may_mend_is_tried_again_while_time_is_left() {
        let after = |kind, left| POLICY.pause_after(1, &Err(TransportError::new(kind)), left);
        let left = Duration::from_secs(1);
        for kind in [
            TransportErrorKind::Connect,
            TransportErrorKind::Broken,
            // A connection that was closed because it answered no PING.
            TransportErrorKind::Timeout,
        ] {
            assert!(after(kind, left).is_some(), "{kind:?}");
            assert_eq!(after(kind, Duration::ZERO), None, "{kind:?}");
        }
        for kind in [TransportErrorKind::TooLarge, TransportErrorKind::Elsewhere] {
            assert_eq!(after(kind, left), None, "{kind:?}");
        }
    }
}
