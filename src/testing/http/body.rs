//! The body of an answer: whole, cut short, or dripping.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use crate::testing::fault::Delivery;

/// The body of any answer.
pub(in crate::testing) type AnswerBody = UnsyncBoxBody<Bytes, Gone>;

/// The connection is closed on purpose, or the client closed it.
#[derive(Debug)]
pub(in crate::testing) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is gone")
    }
}

impl std::error::Error for Gone {}

/// The body, and the length to announce if it is not the length of what is sent.
pub(super) fn of(bytes: Bytes, delivery: Delivery) -> (Option<usize>, AnswerBody) {
    let length = bytes.len();
    match delivery {
        Delivery::Truncated => {
            // An empty body cannot be cut short, so one byte more than there is is announced.
            let kept = bytes.slice(..length / 2);
            (Some(length.max(1)), cut(kept))
        }
        Delivery::Slow { bytes: step, every } => (Some(length), drip(bytes, step, every)),
        _ => (
            None,
            Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync(),
        ),
    }
}

/// Sends these bytes, lets them reach the client, then breaks off.
fn cut(kept: Bytes) -> AnswerBody {
    let steps = stream::unfold(Some(kept), |kept| async move {
        if let Some(kept) = kept {
            return Some((Ok(Frame::data(kept)), None));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(Gone), None))
    });
    StreamBody::new(steps).boxed_unsync()
}

fn drip(bytes: Bytes, step: usize, every: Duration) -> AnswerBody {
    let steps = stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let next = rest.split_to(step.min(rest.len()));
        Some((Ok(Frame::data(next)), rest))
    });
    StreamBody::new(steps).boxed_unsync()
}
