//! Holds the source against its layout: a file uses only lower tiers.
#![allow(clippy::unwrap_used, clippy::panic)] // a helper that fails is a test that fails

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src`, lowest tier first. A module may use those of lower lines only.
const TIERS: [&[&str]; 24] = [
    &[
        "body",
        "clock",
        "random",
        "secret",
        "id",
        "invalidate",
        "scope",
        "setting",
        "problem",
    ],
    &["tasks", "token"],
    &["single_flight", "error"],
    &["challenge", "identity", "transport"],
    &["backend", "cache"],
    &["machine_secret"],
    &["credential"],
    &["keys", "revocation"],
    &["jwt"],
    &["config"],
    &["admin"],
    &["upstream"],
    &["receiver"],
    &["opaque"],
    &["health"],
    &["authenticator", "outbound"],
    &["middleware"],
    &["forward_auth", "grpc"],
    &["mcp"],
    &["resource"],
    &["builder"],
    &["axum"],
    &["testing"],
    &["fuzzing"],
];

/// What reaches up, and why that is right.
const SEAMS: [(&str, &str, &str); 2] = [
    ("authenticator", "builder", "documentation"),
    (
        "outbound",
        "builder",
        "BuildError: what every builder fails with",
    ),
];

fn tier(module: &str) -> usize {
    TIERS
        .iter()
        .position(|tier| tier.contains(&module))
        .unwrap_or_else(|| panic!("src/{module} stands in no tier of tests/layout.rs"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src")
}

/// The first segment of a file's path below `src`.
fn module(path: &Path) -> String {
    let below = path.strip_prefix(root()).unwrap();
    let first = below.components().next().unwrap();
    let name = first.as_os_str().to_str().unwrap();
    name.trim_end_matches(".rs").to_owned()
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that a file names as `crate::module`.
fn uses(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    matches!(name, "tests" | "fake" | "invalidation_tests" | "vectors")
}

#[test]
fn a_file_uses_only_lower_tiers() {
    let mut wrong = Vec::new();
    for path in sources(&root()) {
        let own = module(&path);
        if matches!(&*own, "lib" | "docs") || own == "testing" || own == "fuzzing" || is_test(&path)
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for used in uses(&code(&text)) {
            // A name of the crate's face, as in a path to a type: its module is looked at elsewhere.
            if used.is_empty() || used.starts_with(char::is_uppercase) || used == own {
                continue;
            }
            let is_seam = SEAMS
                .iter()
                .any(|(from, to, _)| *from == own && *to == used);
            if tier(used) >= tier(&own) && !is_seam {
                wrong.push(format!("{} uses crate::{used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_emulator_shares_nothing_but_public_names_with_the_client() {
    let public = fs::read_to_string(root().join("lib.rs")).unwrap();
    for path in sources(&root().join("testing")) {
        let text = fs::read_to_string(&path).unwrap();
        for line in code(&text).lines().filter(|line| line.contains("crate::")) {
            let used: Vec<_> = uses(line).collect();
            let own = used.iter().all(|name| *name == "testing");
            let faced = line.trim_start().starts_with("use crate::")
                && line
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .all(|word| !word.starts_with(char::is_uppercase) || public.contains(word));
            assert!(own || faced, "{}: {line}", path.display());
        }
    }
}

#[test]
fn files_say_what_they_are_for() {
    for path in sources(&root()) {
        let text = fs::read_to_string(&path).unwrap();
        let is_said = text.starts_with("//!");
        assert!(is_said, "{} does not begin with `//!`", path.display());
    }
}
