//! What is logged on the thread of a test.
//!
//! One subscriber serves the whole process: with one for each test, a line of code that another
//! thread reaches first can be taken for one that nobody listens to (`tracing` remembers that).

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::sync::Once;

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::prelude::*;

thread_local! {
    static LISTENS: Cell<bool> = const { Cell::new(false) };
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Here;

impl Write for Here {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to keep everything that is logged on this thread; for runtimes of one thread.
pub(crate) fn listen() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let lines = tracing_subscriber::fmt::layer().with_ansi(false);
        let lines = lines.with_writer(|| Here);
        let here = dynamic_filter_fn(|_, _| LISTENS.get());
        tracing_subscriber::registry()
            .with(lines.with_filter(here))
            .init();
        tracing::callsite::rebuild_interest_cache();
    });
    LISTENS.set(true);
}

/// Returns what was logged on this thread.
pub(crate) fn logged() -> String {
    LOGGED.with_borrow(|logged| String::from_utf8(logged.clone()).unwrap())
}
