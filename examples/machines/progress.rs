//! Reads lists of many pages, and says how far it is.

use std::io::{IsTerminal as _, Write, stderr};

use clerk_machine_auth::AdminError;
use clerk_machine_auth::admin::ItemStream;
use futures_util::TryStreamExt as _;

/// A list of fewer items is there before anybody wonders.
const STEP: usize = 100;

/// Reads a whole list; on a terminal, with the number of items so far.
pub(crate) async fn collect<T: Unpin>(stream: ItemStream<T>) -> Result<Vec<T>, AdminError> {
    if stderr().is_terminal() {
        collect_to(stream, &mut stderr()).await
    } else {
        stream.try_collect().await
    }
}

pub(crate) async fn collect_to<T: Unpin>(
    mut stream: ItemStream<T>,
    terminal: &mut impl Write,
) -> Result<Vec<T>, AdminError> {
    let mut items = Vec::new();
    let read = loop {
        match stream.try_next().await {
            Ok(Some(item)) => items.push(item),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        if items.len() % STEP == 0 {
            write!(terminal, "\r{} read …", items.len()).ok();
            terminal.flush().ok();
        }
    };
    if items.len() >= STEP {
        // The line belongs to the answer again.
        write!(terminal, "\r\x1b[K").ok();
    }
    read.map(|()| items)
}
