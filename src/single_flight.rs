//! Runs a piece of work at most once at a time, detached from the request that started it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::tasks::{NoRuntime, SharedTask, Spawner, TaskError, Tasks, runtime};

/// The flights in progress, by key.
type InFlight<K, T> = HashMap<K, SharedTask<T>>;

/// The flights of one kind of work.
///
/// The lock is a plain mutex. It is held for one map operation and never across an `.await`, and only
/// requests that missed the cache take it.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, T> {
    in_flight: Arc<Mutex<InFlight<K, T>>>,
}

impl<K, T> Clone for SingleFlight<K, T> {
    fn clone(&self) -> Self {
        Self {
            in_flight: Arc::clone(&self.in_flight),
        }
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Eq + Hash + Copy + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            in_flight: Arc::default(),
        }
    }

    /// Joins the flight for this key, or starts one.
    ///
    /// The flight continues when the request that started it is cancelled. It removes its entry whether
    /// it ends, panics or is cancelled. It gives up by itself after the timeout of `tasks`. A flight
    /// that has not, because its runtime is not driven, is replaced.
    pub(crate) fn join<F>(
        &self,
        key: K,
        tasks: &Tasks,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Flight<T>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let joined = self.join_if(key, tasks, || true, work)?;
        // Always present, because it was allowed to start.
        joined.ok_or(NoRuntime::Missing)
    }

    /// Joins the flight for this key, or starts one if `may_begin` allows it.
    ///
    /// A caller that was refused cannot have missed a flight that another caller was allowed to start.
    pub(crate) fn join_if<F>(
        &self,
        key: K,
        tasks: &Tasks,
        may_begin: impl FnOnce() -> bool,
        work: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Option<Flight<T>>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (flights, spawner) = (self.clone(), tasks.spawner().clone());
        let Some((flight, joined)) = self.get_or_spawn(key, &spawner, may_begin, &work)? else {
            return Ok(None);
        };
        let restart = move || {
            let entered = flights.get_or_spawn(key, &spawner, || true, &work).ok()?;
            entered.map(|(flight, _)| flight)
        };
        Ok(Some(Flight {
            task: flight,
            joined,
            restart: Box::new(restart),
        }))
    }

    fn get_or_spawn<F>(
        &self,
        key: K,
        spawner: &Spawner,
        may_begin: impl FnOnce() -> bool,
        work: &impl Fn() -> F,
    ) -> Result<Option<(SharedTask<T>, bool)>, NoRuntime>
    where
        F: Future<Output = T> + Send + 'static,
    {
        // Before the lock: a future that cannot be spawned is dropped, and with it a `RemoveOnDrop`.
        let runtime = runtime()?;
        let mut in_flight = lock(&self.in_flight);
        if let Some(flight) = in_flight.get(&key).filter(|flight| !flight.is_gone()) {
            return Ok(Some((flight.clone(), true)));
        }
        if !may_begin() {
            return Ok(None);
        }
        let (sender, flight) = SharedTask::new(spawner.deadline());
        let place = RemoveOnDrop(Arc::clone(&self.in_flight), key, flight.clone());
        let work = work();
        in_flight.insert(key, flight.clone());
        // A runtime that is shutting down drops the flight at once, and `RemoveOnDrop` needs the lock.
        drop(in_flight);
        spawner.spawn(&runtime, async move {
            // Dropped last, on every path: waiters see the result before the entry is removed.
            let _place = place;
            let result = work.await;
            sender.send_replace(Some(result));
        });
        Ok(Some((flight, false)))
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        lock(&self.in_flight).len()
    }
}

/// Starts the work of a flight again, unless another caller has already done so.
type Restart<T> = Box<dyn Fn() -> Option<SharedTask<T>> + Send + Sync>;

/// Awaits the result of a flight. Dropping it does not affect the flight.
pub(crate) struct Flight<T> {
    task: SharedTask<T>,
    joined: bool,
    restart: Restart<T>,
}

impl<T: Clone> Flight<T> {
    /// Returns `true` if the flight was already in progress, and may have called Clerk before a change.
    pub(crate) const fn is_joined(&self) -> bool {
        self.joined
    }

    /// Waits for the result until the deadline.
    ///
    /// A flight that was lost is started again once, on the runtime of the caller.
    pub(crate) async fn result(self, deadline: Instant) -> Result<T, TaskError> {
        match self.task.result(deadline).await {
            Err(error @ (TaskError::Lost | TaskError::Stuck)) if Instant::now() < deadline => {
                (self.restart)().ok_or(error)?.result(deadline).await
            }
            outcome => outcome,
        }
    }
}

impl<T> fmt::Debug for Flight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("joined", &self.joined)
            .finish_non_exhaustive()
    }
}

/// Removes the entry of a flight when it is over, however it ends, unless another flight has replaced
/// it.
struct RemoveOnDrop<K: Eq + Hash, T: Clone>(Arc<Mutex<InFlight<K, T>>>, K, SharedTask<T>);

impl<K: Eq + Hash, T: Clone> Drop for RemoveOnDrop<K, T> {
    fn drop(&mut self) {
        let Self(in_flight, key, own) = self;
        let mut in_flight = lock(in_flight);
        if in_flight.get(key).is_some_and(|flight| flight.is(own)) {
            in_flight.remove(key);
        }
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
    use tokio::time::{advance, sleep};

    const SECOND: Duration = Duration::from_secs(1);

    fn flights<T: Clone + Send + Sync + 'static>() -> (SingleFlight<u8, T>, Tasks) {
        (SingleFlight::new(), Tasks::new(SECOND * 3))
    }

    #[tokio::test(start_paused = true)]
    async fn rule_11_many_waiters_share_one_flight() {
        let (flights, tasks) = flights();
        let runs = Arc::new(AtomicU32::new(0));
        let waiting: Vec<_> = (0..10_000)
            .map(|_| {
                let runs = Arc::clone(&runs);
                let work = move || {
                    let runs = Arc::clone(&runs);
                    async move {
                        sleep(Duration::from_millis(10)).await;
                        runs.fetch_add(1, Ordering::SeqCst)
                    }
                };
                flights.join(1, &tasks, work).unwrap()
            })
            .collect();
        for waiter in waiting {
            assert_eq!(waiter.result(tasks.deadline()).await, Ok(0));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        tokio::task::yield_now().await;
        assert_eq!(flights.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rule_11_a_lost_leader_does_not_end_the_flight() {
        let (flights, tasks) = flights();
        let work = || async {
            sleep(SECOND).await;
            7
        };
        let leader = flights.join(1, &tasks, work).unwrap();
        let follower = flights.join(1, &tasks, || async { 8 }).unwrap();
        drop(leader);
        assert_eq!(follower.result(tasks.deadline()).await, Ok(7));
    }

    #[tokio::test]
    async fn rule_11_a_panic_frees_the_place() {
        let (flights, tasks) = flights();
        let lost = flights.join(1, &tasks, || async { panic!("on purpose") });
        let lost = lost.unwrap().result(tasks.deadline()).await;
        assert_eq!(lost, Err::<u8, _>(TaskError::Lost));
        let next = flights.join(1, &tasks, || async { 1 }).unwrap();
        assert_eq!(next.result(tasks.deadline()).await, Ok(1));
    }

    #[tokio::test]
    async fn rule_11_a_flight_that_was_lost_is_begun_anew_once_by_whoever_waits() {
        let (flights, tasks) = flights();
        let runs = Arc::new(AtomicU32::new(0));
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let runs = Arc::clone(&runs);
                let work = move || {
                    let run = runs.fetch_add(1, Ordering::SeqCst);
                    async move {
                        assert!(run > 0, "on purpose");
                        run
                    }
                };
                flights.join(1, &tasks, work).unwrap()
            })
            .collect();
        let deadline = tasks.deadline();
        let sender = waiting.into_iter().map(|waiter| waiter.result(deadline));
        let sender = futures_util::future::join_all(sender).await;
        assert!(sender.into_iter().all(|result| result == Ok(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn rule_11_nobody_waits_past_its_deadline_or_for_a_flight_that_is_stuck() {
        let (flights, tasks) = flights();
        let begun = Instant::now();
        // As on a runtime that nobody drives, it does not even give up in time.
        let stuck = flights.join(1, &tasks, || sleep(SECOND * 3_600)).unwrap();
        let early = flights.join(1, &tasks, || async {}).unwrap();
        assert!(early.is_joined());
        assert_eq!(early.result(begun + SECOND).await, Err(TaskError::Late));
        assert_eq!(begun.elapsed(), SECOND);
        let last = flights.join(1, &tasks, || async {}).unwrap();
        assert!(last.is_joined());
        // The flight is stuck and there is time left, so the work is started again.
        assert_eq!(last.result(begun + SECOND * 4).await, Ok(()));
        assert!(begun.elapsed() < SECOND * 4);
        assert_eq!(
            stuck.result(begun + SECOND * 3).await,
            Err(TaskError::Stuck)
        );
        advance(SECOND * 3_600).await;
        tokio::task::yield_now().await;
        assert_eq!(flights.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rule_11_a_stuck_flight_is_replaced_and_does_not_clear_the_place_of_the_next() {
        let (flights, tasks) = flights();
        let begin = |time| flights.join(1, &tasks, move || sleep(time)).unwrap();
        let _stuck = begin(SECOND * 5);
        advance(SECOND * 4).await;
        let next = begin(SECOND * 2);
        assert!(!next.is_joined());
        // The first one ends while the second is in progress.
        sleep(SECOND * 3 / 2).await;
        assert_eq!(flights.in_flight(), 1);
        assert!(begin(SECOND).is_joined());
        assert_eq!(next.result(tasks.deadline()).await, Ok(()));
    }

    #[test]
    fn rule_11_a_runtime_that_has_ended_loses_the_flight_and_frees_its_place() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let _inside = handle.enter();
        let (flights, tasks) = flights();
        let lost = flights.join(1, &tasks, || async { 1 }).unwrap();
        assert_eq!(flights.in_flight(), 0);
        assert!(lost.task.is_gone());
    }

    #[test]
    fn without_a_runtime_or_its_timers_nothing_is_begun() {
        let (flights, tasks) = flights::<u8>();
        let begin = || flights.join(1, &tasks, || async { 1 }).map(|_| ());
        assert_eq!(begin(), Err(NoRuntime::Missing));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        assert_eq!(
            runtime.unwrap().block_on(async { begin() }),
            Err(NoRuntime::WithoutTimers)
        );
        assert_eq!(flights.in_flight(), 0);
    }
}
