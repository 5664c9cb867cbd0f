//! Times things beside each other, so that a machine whose speed drifts changes all of them alike.

use std::time::Instant;

/// The calls that are timed together: a clock is read twice for all of them.
pub(crate) const BATCH: usize = 64;

/// One thing to time: each call returns the nanoseconds that one operation took in one batch.
pub(crate) type Subject<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// The times of several subjects, round by round.
#[derive(Debug)]
pub(crate) struct Times(Vec<Vec<f64>>);

/// Times an operation, `BATCH` at once.
pub(crate) fn subject<'a, T>(mut operation: impl FnMut() -> T + 'a) -> Subject<'a> {
    Box::new(move || {
        let start = Instant::now();
        for _ in 0..BATCH {
            std::hint::black_box(operation());
        }
        per_call(start, BATCH)
    })
}

/// Times an operation that takes what is made before the clock starts, `BATCH` at once.
pub(crate) fn subject_with<'a, I, T>(
    mut make: impl FnMut() -> I + 'a,
    mut operation: impl FnMut(I) -> T + 'a,
) -> Subject<'a> {
    Box::new(move || {
        let inputs: Vec<I> = (0..BATCH).map(|_| make()).collect();
        let start = Instant::now();
        for input in inputs {
            std::hint::black_box(operation(input));
        }
        per_call(start, BATCH)
    })
}

pub(crate) fn per_call(start: Instant, calls: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Runs all subjects in turn, round after round; the first rounds are a warm-up.
pub(crate) fn interleave(rounds: usize, mut subjects: Vec<Subject<'_>>) -> Times {
    let mut times = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..rounds + rounds / 5 {
        for (subject, times) in subjects.iter_mut().zip(&mut times) {
            let time = subject();
            if round >= rounds / 5 {
                times.push(time);
            }
        }
    }
    Times(times)
}

impl Times {
    /// The least time of a subject: what it takes when nothing else disturbs it.
    pub(crate) fn least(&self, subject: usize) -> f64 {
        self.0[subject]
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
    }

    /// The median of a figure that is computed within each round.
    pub(crate) fn median(&self, figure: impl Fn(&dyn Fn(usize) -> f64) -> f64) -> f64 {
        let rounds = self.0.first().map_or(0, Vec::len);
        let figures = (0..rounds).map(|round| figure(&|subject| self.0[subject][round]));
        median(figures.collect())
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
