//! Reads the public test vectors under `tests/data/vectors`.

use std::path::Path;

/// Returns the text of a file of vectors.
pub(crate) fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    std::fs::read_to_string(folder.join(name)).unwrap()
}
