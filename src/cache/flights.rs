//! One verification per name at a time, detached from the request that began it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::key::{BuildKeyHasher, CacheKey};
use super::marks::Epoch;
use crate::tasks::{NoRuntime, Tasks};

/// What a flight ended with, once it has.
type Landing<T> = watch::Receiver<Option<T>>;

/// The flights that are under way.
///
/// The lock is a plain mutex: it is held for one look into a map and never across an `.await`,
/// and only requests that missed the cache come here at all.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    under_way: Arc<Mutex<Map<T>>>,
}

type Map<T> = HashMap<CacheKey, Flight<T>, BuildKeyHasher>;

#[derive(Debug)]
struct Flight<T> {
    began: Epoch,
    landing: Landing<T>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new() -> Self {
        Self {
            under_way: Arc::default(),
        }
    }

    /// Joins the flight for this name, or begins one.
    ///
    /// A flight that began before the latest invalidation is not joined: its answer may be the
    /// very thing that was to be forgotten. The flight goes on when the request that began it is
    /// gone, and clears its place whether it ends, panics or is cancelled.
    pub(crate) fn join<F>(
        &self,
        key: CacheKey,
        now: Epoch,
        tasks: &Tasks,
        work: impl FnOnce() -> F,
    ) -> Result<Waiter<T>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        // Before the lock: a future that cannot be spawned is dropped, and with it a `Place`.
        let runtime = Tasks::runtime()?;
        let mut under_way = lock(&self.under_way);
        if let Some(flight) = under_way.get(&key).filter(|flight| flight.began == now) {
            return Ok(Waiter(flight.landing.clone()));
        }
        let (landed, landing) = watch::channel(None);
        let place = Place {
            under_way: Arc::clone(&self.under_way),
            key,
            began: now,
        };
        let work = work();
        tasks.spawn(&runtime, async move {
            // Dropped last, and on every way out: waiters see the result before the place is free.
            let _place = place;
            let result = work.await;
            landed.send_replace(Some(result));
        });
        under_way.insert(
            key,
            Flight {
                began: now,
                landing: landing.clone(),
            },
        );
        Ok(Waiter(landing))
    }

    pub(crate) fn under_way(&self) -> usize {
        lock(&self.under_way).len()
    }
}

/// The end of a flight, awaited; dropping it does not touch the flight.
#[derive(Debug)]
pub(crate) struct Waiter<T>(Landing<T>);

impl<T: Clone> Waiter<T> {
    /// Returns the result, or `None` where the flight was lost (it panicked or was cancelled).
    pub(crate) async fn landed(mut self) -> Option<T> {
        let result = self.0.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

/// Frees the place of a flight when it is over, however it ends.
struct Place<T> {
    under_way: Arc<Mutex<Map<T>>>,
    key: CacheKey,
    began: Epoch,
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.under_way);
        if under_way
            .get(&self.key)
            .is_some_and(|flight| flight.began == self.began)
        {
            under_way.remove(&self.key);
        }
    }
}

fn lock<T>(under_way: &Mutex<Map<T>>) -> MutexGuard<'_, Map<T>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::{Domain, KeyHasher};
    use crate::cache::marks::Marks;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use tokio::time::sleep;

    fn key() -> CacheKey {
        KeyHasher::new().unwrap().key(Domain::M2m, "mt_a")
    }

    #[tokio::test(start_paused = true)]
    async fn rule_11_many_waiters_share_one_flight() {
        let (flights, tasks, marks, key) = (Flights::new(), Tasks::new(), Marks::default(), key());
        let runs = Arc::new(AtomicU32::new(0));
        let waiters: Vec<_> = (0..10_000)
            .map(|_| {
                let runs = Arc::clone(&runs);
                let work = || async move {
                    sleep(Duration::from_millis(10)).await;
                    runs.fetch_add(1, Ordering::SeqCst)
                };
                flights.join(key, marks.now(), &tasks, work).unwrap()
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
        let (flights, tasks, marks, key) = (Flights::new(), Tasks::new(), Marks::default(), key());
        let work = || async {
            sleep(Duration::from_secs(1)).await;
            7
        };
        let leader = flights.join(key, marks.now(), &tasks, work).unwrap();
        let follower = flights
            .join(key, marks.now(), &tasks, || async { 8 })
            .unwrap();
        drop(leader);
        assert_eq!(follower.landed().await, Some(7));
    }

    #[tokio::test]
    async fn rule_11_a_panic_frees_the_place() {
        let (flights, tasks, marks, key) = (Flights::new(), Tasks::new(), Marks::default(), key());
        let lost = flights.join(key, marks.now(), &tasks, || async { panic!("on purpose") });
        assert_eq!(lost.unwrap().landed().await, None::<u8>);
        let next = flights
            .join(key, marks.now(), &tasks, || async { 1 })
            .unwrap();
        assert_eq!(next.landed().await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn rule_10_a_flight_from_before_an_invalidation_is_not_joined() {
        let (flights, tasks, marks, key) = (Flights::new(), Tasks::new(), Marks::default(), key());
        let slow = || async {
            sleep(Duration::from_secs(1)).await;
            "old"
        };
        let old = flights.join(key, marks.now(), &tasks, slow).unwrap();
        marks.forget_all();
        let new = flights
            .join(key, marks.now(), &tasks, || async { "new" })
            .unwrap();
        assert_eq!(new.landed().await, Some("new"));
        assert_eq!(old.landed().await, Some("old"));
    }

    #[test]
    fn without_a_runtime_nothing_is_begun() {
        let (flights, tasks, marks) = (Flights::<u8>::new(), Tasks::new(), Marks::default());
        assert!(
            flights
                .join(key(), marks.now(), &tasks, || async { 1 })
                .is_err()
        );
        assert_eq!(flights.under_way(), 0);
    }
}
