//! A store in Redis or Valkey.

mod address;
mod dial;
mod scripts;

use std::time::Duration;

use bytes::Bytes;
use redis::{ErrorKind, FromRedisValue, Script, ScriptInvocation, Value};

use self::dial::Dial;
use super::store::{
    Append, Ask, Asked, BUCKET_DEBT, BUCKET_WAIT, Bucket, ENTRY_LIMIT, LOG_KEPT, MESSAGE_LIMIT,
    POLL_LIMIT, Poll, Polled, Position, Put, ROW_LIMIT, Renewal, Reply, Row, SharedStore,
    StoreError, Stored, TABLE_LIMIT, Taken,
};
use crate::config::BuildError;

/// The largest claim.
const CLAIM_LIMIT: usize = 512;

/// Redis, reached through one connection.
#[derive(Debug)]
pub(crate) struct RedisStore {
    dial: Dial,
    scripts: Scripts,
}

#[derive(Debug)]
struct Scripts {
    ask: Script,
    extend: Script,
    put: Script,
    take: Script,
    poll: Script,
    append: Script,
    save: Script,
    remove: Script,
    load: Script,
}

impl RedisStore {
    /// Reads the URL; connects when it is first asked.
    pub(crate) fn new(url: &str, plain: bool) -> Result<Self, BuildError> {
        let scripts = Scripts {
            ask: Script::new(scripts::ASK),
            extend: Script::new(scripts::EXTEND),
            put: Script::new(scripts::PUT),
            take: Script::new(scripts::TAKE),
            poll: Script::new(scripts::POLL),
            append: Script::new(scripts::APPEND),
            save: Script::new(scripts::SAVE),
            remove: Script::new(scripts::REMOVE),
            load: Script::new(scripts::LOAD),
        };
        Ok(Self {
            dial: Dial::new(address::parse(url, plain)?),
            scripts,
        })
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut connection = self.dial.connection()?;
        let error = match call.invoke_async(&mut connection).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Of what Redis says only the code is looked at: the rest may repeat what it was given.
        let is_read_only = error.code() == Some("READONLY");
        if is_read_only || error.is_unrecoverable_error() {
            // A replica of Redis, after a failover, or nothing at all.
            self.dial.hang_up();
            return Err(StoreError::Disconnected);
        }
        if error.kind() == ErrorKind::Io {
            return Err(StoreError::Late);
        }
        tracing::debug!(code = error.code(), "Redis refuses a request");
        Err(StoreError::Refused)
    }
}

/// Written as decimal numbers: Redis has no others.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn stored(value: Vec<u8>, left: i64) -> Option<Stored> {
    let left = Duration::from_millis(u64::try_from(left).ok()?);
    (!value.is_empty()).then(|| Stored {
        value: value.into(),
        left,
    })
}

/// Reads `<milliseconds>-<sequence>`.
fn position(text: &[u8]) -> Option<Position> {
    let (millis, sequence) = std::str::from_utf8(text).ok()?.split_once('-')?;
    Some(Position {
        millis: millis.parse().ok()?,
        sequence: sequence.parse().ok()?,
    })
}

fn positioned(pair: &[Value]) -> Option<(Position, Bytes)> {
    match pair {
        [Value::BulkString(at), Value::BulkString(message)] => {
            Some((position(at)?, message.clone().into()))
        }
        _ => None,
    }
}

/// What the script `POLL` returns.
type PolledValues = (u64, u64, Vec<u8>, Vec<u8>, Vec<u8>, u64, Vec<Value>);

fn polled(values: PolledValues) -> Option<Polled> {
    let (seconds, micros, incarnation, first, last, rows, messages) = values;
    let micros = Duration::from_micros(micros);
    Some(Polled {
        time: Duration::from_secs(seconds).checked_add(micros)?,
        incarnation: incarnation.try_into().ok()?,
        bounds: position(&first).zip(position(&last)),
        messages: messages.chunks(2).filter_map(positioned).collect(),
        rows,
    })
}

impl SharedStore for RedisStore {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Reply<'a, Asked> {
        Box::pin(async move {
            let mut call = self.scripts.ask.key(ask.entry);
            call.key(ask.lease)
                .arg(ask.claim)
                .arg(millis(ask.claim_for));
            call.arg(millis(ask.younger_than));
            call.arg(u8::from(ask.ignore_entry));
            call.arg(ENTRY_LIMIT).arg(CLAIM_LIMIT);
            let (what, claim, entry, left): (u8, Vec<u8>, Vec<u8>, i64) = self.run(&call).await?;
            let entry = stored(entry, left);
            match (what, entry) {
                (0, old) => Ok(Asked::Leader(old)),
                (1, Some(entry)) => Ok(Asked::Found(entry)),
                (2, old) => Ok(Asked::Follower {
                    claim: claim.into(),
                    old,
                }),
                _ => Err(StoreError::Refused),
            }
        })
    }

    fn extend<'a>(&'a self, renewal: Renewal<'a>) -> Reply<'a, bool> {
        Box::pin(async move {
            let mut call = self.scripts.extend.key(renewal.lease);
            call.arg(renewal.claim).arg(millis(renewal.claim_for));
            call.arg(CLAIM_LIMIT);
            self.run(&call).await
        })
    }

    fn put<'a>(&'a self, put: Put<'a>) -> Reply<'a, bool> {
        Box::pin(async move {
            let mut call = self.scripts.put.key(put.entry);
            let keep_for = put.value.map_or(0, |_| millis(put.keep_for));
            call.key(put.lease).arg(put.claim).arg(CLAIM_LIMIT);
            call.arg(keep_for).arg(put.value.unwrap_or_default());
            self.run(&call).await
        })
    }

    fn take<'a>(&'a self, buckets: &'a [Bucket<'a>]) -> Reply<'a, Taken> {
        Box::pin(async move {
            let mut call = self.scripts.take.arg(micros(BUCKET_WAIT));
            call.arg(micros(BUCKET_DEBT));
            for bucket in buckets {
                call.key(bucket.name);
                call.arg(bucket.per_second).arg(bucket.burst);
            }
            let (granted, wait): (bool, u64) = self.run(&call).await?;
            let wait = Duration::from_micros(wait);
            Ok(if granted {
                Taken::Granted(wait.min(BUCKET_WAIT))
            } else {
                Taken::Over(wait)
            })
        })
    }

    fn poll<'a>(&'a self, poll: Poll<'a>) -> Reply<'a, Polled> {
        Box::pin(async move {
            let Position { millis, sequence } = poll.after;
            let mut call = self.scripts.poll.key(poll.log);
            call.key(poll.incarnation).key(poll.table);
            call.arg(format!("{millis}-{sequence}"));
            call.arg(&poll.candidate[..]).arg(POLL_LIMIT);
            call.arg(MESSAGE_LIMIT);
            polled(self.run(&call).await?).ok_or(StoreError::Refused)
        })
    }

    fn append<'a>(&'a self, append: Append<'a>) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut call = self.scripts.append.key(append.log);
            call.key(append.incarnation);
            call.arg(&append.candidate[..]).arg(millis(LOG_KEPT));
            for message in append.messages {
                call.arg(&message[..]);
            }
            self.run(&call).await
        })
    }

    fn save<'a>(&'a self, table: &'a str, rows: &'a [Row]) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut call = self.scripts.save.key(table);
            call.arg(TABLE_LIMIT);
            for (field, row) in rows {
                call.arg(&field[..]).arg(&row[..]);
            }
            self.run(&call).await
        })
    }

    fn remove<'a>(&'a self, table: &'a str, fields: &'a [Bytes]) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut call = self.scripts.remove.key(table);
            for field in fields {
                call.arg(&field[..]);
            }
            self.run(&call).await
        })
    }

    fn load<'a>(&'a self, table: &'a str, cursor: u64) -> Reply<'a, (u64, Vec<Row>)> {
        Box::pin(async move {
            let mut call = self.scripts.load.key(table);
            call.arg(cursor).arg(ROW_LIMIT);
            let (next, values): (u64, Vec<Vec<u8>>) = self.run(&call).await?;
            let mut values = values.into_iter().map(Bytes::from);
            let mut rows = Vec::new();
            while let (Some(field), Some(row)) = (values.next(), values.next()) {
                rows.push((field, row));
            }
            Ok((next, rows))
        })
    }

    fn reconnect(&self) {
        self.dial.hang_up();
    }
}
