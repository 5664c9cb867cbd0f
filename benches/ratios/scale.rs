//! What a hit costs while many tokens are remembered, and on two threads.

use std::cell::Cell;
use std::time::{Duration, Instant};

use clerk_machine_auth::Authenticator;
use http::HeaderValue;
use tokio::runtime::Runtime;

use crate::plot::{Point, plot};
use crate::support::backend::Backend;
use crate::support::clerk::{build, unhurried};
use crate::support::fill::fill;
use crate::support::floor::Floor;
use crate::support::layered::{Noop, bearer, call, layered, request};
use crate::support::rows::Rows;
use crate::support::stopwatch::{Subject, interleave, subject_with};
use crate::support::tokens::{Issuer, api_key};

const SIZES: [usize; 5] = [1_000, 10_000, 100_000, 300_000, 1_000_000];
const ROUNDS: usize = 400;
const TURN: Duration = Duration::from_millis(50);

pub(crate) fn run(rows: &mut Rows, runtime: &Runtime, issuer: &Issuer, backend: Backend) {
    let clerks = SIZES.map(|size| filled(runtime, issuer, backend, size));
    let subjects = SIZES
        .iter()
        .zip(&clerks)
        .map(|(size, clerk)| hits(clerk, *size));
    let bare = subject_with(
        || request(&bearer(&api_key(0))),
        |request| call(&mut Noop, request),
    );
    let times = interleave(ROUNDS, std::iter::once(bare).chain(subjects).collect());
    let cost = |n: usize| times.median(|time| time(n + 1) - time(0));
    let points: [Point; SIZES.len()] = std::array::from_fn(|n| Point {
        size: SIZES[n],
        nanos: cost(n),
    });
    for Point { size, nanos } in &points {
        let name = format!("hit among {size} tokens, any of them");
        match *size {
            1_000_000 => rows.at_most(name, *nanos, 3_300.0, " ns"),
            _ => rows.note(name, format!("{nanos:.0} ns")),
        }
    }
    plot(&points);
    threads(rows, &clerks[0]);
}

fn filled(runtime: &Runtime, issuer: &Issuer, backend: Backend, size: usize) -> Authenticator {
    let room = 2 * size as u64 + 1_000;
    let clerk = build(unhurried(issuer, backend).cache_capacity(room));
    runtime.block_on(fill(&clerk, 0..size));
    clerk
}

/// A hit of any one of the tokens, each as likely as the next.
fn hits(clerk: &Authenticator, size: usize) -> Subject<'static> {
    let (mut layer, numbers) = (layered(clerk), Numbers::below(size));
    subject_with(
        move || request(&bearer(&api_key(numbers.next()))),
        move |request| {
            let response = call(&mut layer, request);
            assert!(response.status().is_success(), "the token is remembered");
            response
        },
    )
}

/// Numbers in no order (xorshift, Marsaglia 2003).
struct Numbers(Cell<u64>, usize);

impl Numbers {
    fn below(bound: usize) -> Self {
        Self(Cell::new(0x9e37_79b9_7f4a_7c15), bound)
    }

    fn next(&self) -> usize {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        (state % self.1 as u64) as usize
    }
}

fn threads(rows: &mut Rows, clerk: &Authenticator) {
    let fields: Vec<HeaderValue> = (0..1_000).map(|number| bearer(&api_key(number))).collect();
    let hits = ratio(|threads| rate(threads, &|n| turn(clerk, &fields, n)));
    let floor = Floor::new();
    let least = ratio(|threads| rate(threads, &|_| floor_turn(&floor)));
    // What two threads are worth here and now: other work on the machine takes from it.
    let alone = ratio(|threads| rate(threads, &|_| spin()));
    let name = "control: arithmetic on 2 threads / on 1 thread";
    rows.at_least(name, alone, 1.95, " ×");
    if alone < 1.95 {
        rows.note("hits on 2 threads / on 1 thread", "void: see the control");
        return;
    }
    rows.note("floor on 2 threads / on 1 thread", format!("{least:.2} ×"));
    rows.at_least("hits on 2 threads / on 1 thread", hits, 1.55, " ×");
}

/// The best of two threads by the best of one, turn by turn.
fn ratio(rate: impl Fn(usize) -> f64) -> f64 {
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    for _ in 0..20 {
        one = one.max(rate(1));
        two = two.max(rate(2));
    }
    two / one
}

/// What so many threads do in one turn, per second.
fn rate(threads: usize, turn: &(dyn Fn(usize) -> f64 + Sync)) -> f64 {
    std::thread::scope(|scope| {
        let turns: Vec<_> = (0..threads).map(|n| scope.spawn(move || turn(n))).collect();
        turns
            .into_iter()
            .map(|turn| turn.join().expect("a thread ends"))
            .sum()
    })
}

/// Work that shares nothing.
fn spin() -> f64 {
    let numbers = Numbers::below(usize::MAX);
    let (start, mut rounds) = (Instant::now(), 0_u32);
    while start.elapsed() < TURN {
        for _ in 0..1_000 {
            std::hint::black_box(numbers.next());
        }
        rounds += 1;
    }
    f64::from(rounds) / start.elapsed().as_secs_f64()
}

/// The floor, of one token.
fn floor_turn(floor: &Floor) -> f64 {
    let field = bearer(&api_key(0));
    let (start, mut hits) = (Instant::now(), 0_u32);
    while start.elapsed() < TURN {
        for _ in 0..100 {
            std::hint::black_box(floor.let_in(request(&field)));
            hits += 1;
        }
    }
    f64::from(hits) / start.elapsed().as_secs_f64()
}

fn turn(clerk: &Authenticator, fields: &[HeaderValue], thread: usize) -> f64 {
    let mut layer = layered(clerk);
    let (start, mut hits) = (Instant::now(), 0_u32);
    while start.elapsed() < TURN {
        for field in fields.iter().skip(thread * 37).step_by(11) {
            std::hint::black_box(call(&mut layer, request(field)));
            hits += 1;
        }
    }
    f64::from(hits) / start.elapsed().as_secs_f64()
}
