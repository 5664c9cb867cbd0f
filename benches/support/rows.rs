//! The rows of the table: what was measured, its bound, and whether it is met.
//!
//! `cargo bench` runs the programs one after the other. Each leaves its rows in a file that bears
//! the number of the one `cargo` process, so that the last one prints what this run has measured
//! and nothing of another run.

use std::path::PathBuf;

/// What one run has measured so far.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Row>);

#[derive(Debug)]
struct Row {
    name: String,
    measured: String,
    bound: String,
    met: Option<bool>,
}

impl Rows {
    /// Adds a figure that may be `bound` and no more.
    pub(crate) fn at_most(
        &mut self,
        name: impl Into<String>,
        measured: f64,
        bound: f64,
        unit: &str,
    ) {
        self.bounded(name.into(), measured, "≤", bound, unit, measured <= bound);
    }

    /// Adds a figure that has to be `bound` or more.
    pub(crate) fn at_least(
        &mut self,
        name: impl Into<String>,
        measured: f64,
        bound: f64,
        unit: &str,
    ) {
        self.bounded(name.into(), measured, "≥", bound, unit, measured >= bound);
    }

    /// Adds a figure that has no bound.
    pub(crate) fn note(&mut self, name: impl Into<String>, measured: impl Into<String>) {
        let row = Row {
            name: name.into(),
            measured: measured.into(),
            bound: String::new(),
            met: None,
        };
        self.add(row);
    }

    /// Leaves the rows for the program that prints the table.
    pub(crate) fn keep(&self) {
        let lines: String = self.0.iter().map(|row| line(row) + "\n").collect();
        if let Err(error) = std::fs::write(kept(), lines) {
            eprintln!("the rows could not be kept: {error}");
        }
    }

    /// Prints the table: what other programs of this run have left, then these rows.
    pub(crate) fn print(&self) {
        println!("\n| row | measured | bound | met |\n|---|---|---|---|");
        print!("{}", std::fs::read_to_string(kept()).unwrap_or_default());
        for row in &self.0 {
            println!("{}", line(row));
        }
        let _left = std::fs::remove_file(kept());
    }

    fn bounded(
        &mut self,
        name: String,
        measured: f64,
        sign: &str,
        bound: f64,
        unit: &str,
        met: bool,
    ) {
        let row = Row {
            name,
            measured: format!("{}{unit}", number(measured)),
            bound: format!("{sign} {}{unit}", number(bound)),
            met: Some(met),
        };
        self.add(row);
    }

    fn add(&mut self, row: Row) {
        eprintln!("{}", line(&row));
        self.0.push(row);
    }
}

fn number(figure: f64) -> String {
    if figure >= 100.0 {
        format!("{figure:.0}")
    } else {
        format!("{figure:.2}")
    }
}

fn line(row: &Row) -> String {
    let met = match row.met {
        Some(true) => "met",
        Some(false) => "**not met**",
        None => "",
    };
    format!(
        "| {} | {} | {} | {met} |",
        row.name, row.measured, row.bound
    )
}

/// The file of this run; all programs of one `cargo bench` have one parent.
fn kept() -> PathBuf {
    let run = std::os::unix::process::parent_id();
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-rows-{run}.md"))
}

/// Tells whether `cargo bench` has started this program, not `cargo test`.
pub(crate) fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
