//! One run of a piece of work at a time, detached from the request that began it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::tasks::{NoRuntime, Tasks};

/// What a flight ended with, once it has.
type Landing<T> = watch::Receiver<Option<T>>;

/// The flights that are under way, by what they are for.
///
/// The lock is a plain mutex: it is held for one look into a map and never across an `.await`,
/// and only requests that missed the cache come here at all.
#[derive(Debug)]
pub(crate) struct Flights<K, T> {
    under_way: Arc<Mutex<HashMap<K, Landing<T>>>>,
}

impl<K, T> Flights<K, T>
where
    K: Eq + Hash + Copy + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            under_way: Arc::default(),
        }
    }

    /// Joins the flight for this key, or begins one.
    ///
    /// The flight goes on when the request that began it is gone, and clears its place whether it
    /// ends, panics or is cancelled.
    pub(crate) fn join<F>(
        &self,
        key: K,
        tasks: &Tasks,
        work: impl FnOnce() -> F,
    ) -> Result<Waiter<T>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let joined = self.join_if(key, tasks, || true, work)?;
        // Never missing: it was allowed to begin.
        joined.ok_or(NoRuntime)
    }

    /// Joins the flight for this key, or begins one if that is allowed.
    ///
    /// Nobody who was refused can have missed a flight that somebody else was allowed to begin.
    pub(crate) fn join_if<F>(
        &self,
        key: K,
        tasks: &Tasks,
        may_begin: impl FnOnce() -> bool,
        work: impl FnOnce() -> F,
    ) -> Result<Option<Waiter<T>>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        // Before the lock: a future that cannot be spawned is dropped, and with it a `Place`.
        let runtime = Tasks::runtime()?;
        let under_way = lock(&self.under_way);
        if let Some(landing) = under_way.get(&key) {
            return Ok(Some(Waiter::joined(landing)));
        }
        let begin = || self.begin(under_way, key, (tasks, &runtime), work());
        Ok(may_begin().then(begin))
    }

    /// Begins a flight while the lock is held that showed there is none.
    fn begin<F>(
        &self,
        mut under_way: MutexGuard<'_, HashMap<K, Landing<T>>>,
        key: K,
        (tasks, runtime): (&Tasks, &Handle),
        work: F,
    ) -> Waiter<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (landed, landing) = watch::channel(None);
        let place = Place(Arc::clone(&self.under_way), key);
        let flight = async move {
            // Dropped last, and on every way out: waiters see the result before the place is free.
            let _place = place;
            let result = work.await;
            landed.send_replace(Some(result));
        };
        under_way.insert(key, landing.clone());
        // A runtime that is shutting down drops the flight at once, and `Place` needs the lock.
        drop(under_way);
        tasks.spawn(runtime, flight);
        Waiter {
            landing,
            joined: false,
        }
    }

    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        lock(&self.under_way).len()
    }
}

/// The end of a flight, awaited; dropping it does not touch the flight.
#[derive(Debug)]
pub(crate) struct Waiter<T> {
    landing: Landing<T>,
    joined: bool,
}

impl<T: Clone> Waiter<T> {
    fn joined(landing: &Landing<T>) -> Self {
        Self {
            landing: landing.clone(),
            joined: true,
        }
    }

    /// Tells whether the flight was under way already, and may have asked before a change.
    pub(crate) const fn is_joined(&self) -> bool {
        self.joined
    }

    /// Returns the result, or `None` where the flight was lost (it panicked or was cancelled).
    pub(crate) async fn landed(mut self) -> Option<T> {
        let result = self.landing.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

/// Frees the place of a flight when it is over, however it ends.
struct Place<K: Eq + Hash, T>(Arc<Mutex<HashMap<K, Landing<T>>>>, K);

impl<K: Eq + Hash, T> Drop for Place<K, T> {
    fn drop(&mut self) {
        lock(&self.0).remove(&self.1);
    }
}

fn lock<M>(map: &Mutex<M>) -> MutexGuard<'_, M> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn rule_11_many_waiters_share_one_flight() {
        let (flights, tasks) = (Flights::new(), Tasks::new());
        let runs = Arc::new(AtomicU32::new(0));
        let waiters: Vec<_> = (0..10_000)
            .map(|_| {
                let runs = Arc::clone(&runs);
                let work = || async move {
                    sleep(Duration::from_millis(10)).await;
                    runs.fetch_add(1, Ordering::SeqCst)
                };
                flights.join(1, &tasks, work).unwrap()
            })
            .collect();
        for waiter in waiters {
            assert_eq!(waiter.landed().await, Some(0));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        tokio::task::yield_now().await;
        assert_eq!(flights.under_way(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rule_11_a_lost_leader_does_not_end_the_flight() {
        let (flights, tasks) = (Flights::new(), Tasks::new());
        let work = || async {
            sleep(Duration::from_secs(1)).await;
            7
        };
        let leader = flights.join(1, &tasks, work).unwrap();
        let follower = flights.join(1, &tasks, || async { 8 }).unwrap();
        drop(leader);
        assert_eq!(follower.landed().await, Some(7));
    }

    #[tokio::test]
    async fn rule_11_a_panic_frees_the_place() {
        let (flights, tasks) = (Flights::new(), Tasks::new());
        let lost = flights.join(1, &tasks, || async { panic!("on purpose") });
        assert_eq!(lost.unwrap().landed().await, None::<u8>);
        let next = flights.join(1, &tasks, || async { 1 }).unwrap();
        assert_eq!(next.landed().await, Some(1));
    }

    #[test]
    fn rule_11_a_runtime_that_has_ended_loses_the_flight_and_frees_its_place() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let _inside = handle.enter();
        let (flights, tasks) = (Flights::new(), Tasks::new());
        let lost = flights.join(1, &tasks, || async { 1 }).unwrap();
        assert_eq!(flights.under_way(), 0);
        assert_eq!(lost.landing.borrow().as_ref(), None::<&u8>);
    }

    #[test]
    fn without_a_runtime_nothing_is_begun() {
        let (flights, tasks) = (Flights::<u8, u8>::new(), Tasks::new());
        assert!(flights.join(1, &tasks, || async { 1 }).is_err());
        assert_eq!(flights.under_way(), 0);
    }
}
