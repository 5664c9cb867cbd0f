//! Workers that use tokens as fast as they are answered, and count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clerk_machine_auth::Authenticator;
use tokio::task::JoinHandle;

/// Programs run one after the other: each needs the machine, and one reads the process's memory.
pub(crate) static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Tells whether the programs run at the size of the record.
pub(crate) fn is_full() -> bool {
    std::env::var_os("FULL").is_some()
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) served: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) unavailable: AtomicU64,
}

impl Count {
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        (
            read(&self.served),
            read(&self.rejected),
            read(&self.unavailable),
        )
    }

    /// Reads, and begins again at zero.
    pub(crate) fn take(&self) -> (u64, u64, u64) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::SeqCst);
        (
            take(&self.served),
            take(&self.rejected),
            take(&self.unavailable),
        )
    }

    fn note(&self, status: Option<u16>) {
        let count = match status {
            None => &self.served,
            Some(503) => &self.unavailable,
            Some(_) => &self.rejected,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Workers that run until they are stopped.
pub(crate) struct Load {
    pub(crate) count: Arc<Count>,
    over: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// `token(worker, turn)` says what each worker uses next; each pauses `pause` between uses.
    pub(crate) fn start(
        service: &Authenticator,
        workers: usize,
        pause: Duration,
        token: impl Fn(usize, usize) -> String + Send + Sync + 'static,
    ) -> Self {
        let (count, over, token) = (
            Arc::<Count>::default(),
            Arc::<AtomicBool>::default(),
            Arc::new(token),
        );
        let worker = |worker| {
            let (service, count, over) = (service.clone(), Arc::clone(&count), Arc::clone(&over));
            let token = Arc::clone(&token);
            tokio::spawn(async move {
                for turn in 0.. {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let answer = service.verify(&token(worker, turn)).await;
                    count.note(answer.err().map(|error| error.status().as_u16()));
                    tokio::time::sleep(pause).await;
                }
            })
        };
        let workers = (0..workers).map(worker).collect();
        Self {
            count,
            over,
            workers,
        }
    }

    /// Stops the workers and returns what was served, rejected and unavailable.
    pub(crate) async fn stop(self) -> (u64, u64, u64) {
        self.over.store(true, Ordering::SeqCst);
        for worker in self.workers {
            worker.await.unwrap();
        }
        self.count.read()
    }
}
