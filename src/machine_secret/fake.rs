//! Clerk's side of a machine secret, in memory.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::*;

/// The timeout of a call.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Clerk's side of one machine.
#[derive(Debug)]
pub(super) struct Source {
    id: MachineId,
    generation: AtomicUsize,
    reads: AtomicUsize,
    rotations: AtomicUsize,
    broken: Mutex<bool>,
    delay: Duration,
}

#[derive(Debug, Default)]
pub(super) struct TestClock(pub(super) AtomicU64);

impl Clock for TestClock {
    fn unix_time(&self) -> Duration {
        self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

pub(super) fn key(generation: usize) -> MachineSecretKey {
    MachineSecretKey::new(format!("ak_canary{generation}")).unwrap()
}

impl Source {
    pub(super) fn new(delay: Duration) -> Arc<Self> {
        Arc::new(Self {
            id: MachineId::new("mch_a").unwrap(),
            generation: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            rotations: AtomicUsize::new(0),
            broken: Mutex::new(false),
            delay,
        })
    }

    pub(super) fn rotate_elsewhere(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn break_down(&self, broken: bool) {
        *self.broken.lock().unwrap() = broken;
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (count(&self.reads), count(&self.rotations))
    }

    fn answer(&self) -> Result<MachineSecretKey, AdminError> {
        if *self.broken.lock().unwrap() {
            return Err(AdminError::interrupted());
        }
        Ok(key(self.generation.load(Ordering::Relaxed)))
    }
}

impl SecretSource for Source {
    fn machine_id(&self) -> &MachineId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    fn read(&self) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::time::sleep(self.delay).await;
            self.answer()
        })
    }

    fn rotate(
        &self,
        _: MachineSecretKey,
        _: Duration,
    ) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>> {
        self.rotations.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::time::sleep(self.delay).await;
            self.rotate_elsewhere();
            self.answer()
        })
    }
}

pub(super) fn replica(source: &Arc<Source>) -> (MachineSecret, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let source: Arc<dyn SecretSource> = Arc::<Source>::clone(source);
    let shared: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
    (MachineSecret::from_source(source, shared, None), clock)
}

pub(super) fn current(secret: &MachineSecret) -> String {
    secret.current().unwrap().expose_secret().to_owned()
}
