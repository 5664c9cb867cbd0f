//! Finds the public test vectors, which lie beside the repository.

use std::path::Path;

/// Reads a file of `../shared/vectors`, or says that it is not there; in CI it has to be.
pub(crate) fn read(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Some(text),
        Err(error) => {
            let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!is_ci, "{name}: {error}");
            skipped(name);
            None
        }
    }
}

fn skipped(name: &str) {
    eprintln!("skipped: ../shared/vectors/{name} is not there");
}
