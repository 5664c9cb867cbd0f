//! Draws what a hit costs against how many tokens are remembered.

use std::fmt::Write as _;
use std::path::Path;

/// One size of the cache.
pub(crate) struct Point {
    pub(crate) size: usize,
    pub(crate) nanos: f64,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 60.0;

/// Writes `hit-cost.svg` where the build has its files.
pub(crate) fn plot(points: &[Point]) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hit-cost.svg");
    match std::fs::write(&path, svg(points)) {
        Ok(()) => println!("plot: {}", path.display()),
        Err(error) => eprintln!("the plot could not be written: {error}"),
    }
}

fn svg(points: &[Point]) -> String {
    let top = points.iter().map(|point| point.nanos).fold(0.0, f64::max);
    let top = (top / 250.0).ceil() * 250.0;
    let mut marks = String::new();
    for step in 0..=5 {
        let nanos = top * f64::from(step) / 5.0;
        let at = y(nanos, top);
        let _ = write!(
            marks,
            "<path d='M{MARGIN} {at:.0}H{}' stroke='#ddd'/><text x='{}' y='{:.0}' text-anchor='end'>{nanos:.0}</text>",
            WIDTH - 20.0,
            MARGIN - 6.0,
            at + 4.0
        );
    }
    let mut line = String::new();
    for (n, point) in points.iter().enumerate() {
        let (x, y) = (x(point.size), y(point.nanos, top));
        let _ = write!(line, "{}{x:.0} {y:.0}", if n == 0 { 'M' } else { 'L' });
        let _ = write!(
            marks,
            "<circle cx='{x:.0}' cy='{y:.0}' r='4' fill='#36c'/><text x='{x:.0}' y='{:.0}' text-anchor='middle'>{}</text>",
            HEIGHT - MARGIN + 18.0,
            size(point.size)
        );
    }
    let (middle, below) = (WIDTH / 2.0, HEIGHT - 16.0);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' font-size='12'>\
         <rect width='100%' height='100%' fill='#fff'/>{marks}\
         <path d='{line}' fill='none' stroke='#36c' stroke-width='2'/>\
         <text x='{middle}' y='24' text-anchor='middle' font-size='14'>Cost of a hit in the layer, ns</text>\
         <text x='{middle}' y='{below}' text-anchor='middle'>remembered tokens, each as likely as the next</text></svg>\n"
    )
}

/// One thousand stands at the left, one million at the right.
fn x(size: usize) -> f64 {
    let share = ((size as f64).log10() - 3.0) / 3.0;
    MARGIN + 20.0 + share * (WIDTH - MARGIN - 80.0)
}

fn y(nanos: f64, top: f64) -> f64 {
    HEIGHT - MARGIN - nanos / top * (HEIGHT - 2.0 * MARGIN)
}

fn size(size: usize) -> String {
    if size >= 1_000_000 {
        format!("{} M", size / 1_000_000)
    } else {
        format!("{} k", size / 1_000)
    }
}
