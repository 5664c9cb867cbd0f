//! Holds the source against its layout: a file uses only lower tiers.
#![allow(clippy::unwrap_used, clippy::panic)] // a helper that fails is a test that fails

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src`, lowest tier first. A module may use those of lower lines only.
const TIERS: [&[&str]; 27] = [
    &[
        "body",
        "clock",
        "random",
        "secret",
        "id",
        "invalidate",
        "scope",
        "setting",
    ],
    &["problem"],
    &["tasks", "token"],
    &["single_flight", "error"],
    &["stats"],
    &["challenge", "identity", "transport"],
    &["backend", "cache"],
    &["machine_secret"],
    &["credential"],
    &["keys"],
    &["jwt"],
    &["config"],
    &["fleet"],
    &["admin", "revocation"],
    &["upstream"],
    &["receiver"],
    &["opaque"],
    &["health"],
    &["authenticator", "outbound"],
    &["middleware"],
    &["forward_auth", "grpc", "openapi"],
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
            // A store for tests, which has nothing to do with the emulator.
            let is_store = line.contains("crate::fleet::{SharedMemory");
            let faced = line.trim_start().starts_with("use crate::")
                && line
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .all(|word| !word.starts_with(char::is_uppercase) || public.contains(word));
            assert!(own || faced || is_store, "{}: {line}", path.display());
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

/// The paths of an import: `a::{b, c::{d}}` names `a::b` and `a::c::d`.
fn expand(import: &str) -> Vec<String> {
    let Some((prefix, rest)) = import.split_once('{') else {
        return vec![import.trim().to_owned()];
    };
    let (mut depth, mut item, mut paths) = (0, String::new(), Vec::new());
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 || (c == ',' && depth == 0) {
            paths.extend(
                expand(item.trim())
                    .iter()
                    .map(|path| format!("{prefix}{path}")),
            );
            item.clear();
        } else {
            item.push(c);
        }
    }
    paths
}

/// The module that an import names: the longest beginning that is one.
fn target(from: &[String], path: &str, modules: &BTreeMap<Vec<String>, PathBuf>) -> Vec<String> {
    let mut segments: Vec<String> = path.split("::").map(|it| it.trim().to_owned()).collect();
    let mut base = match &*segments[0] {
        "crate" => Vec::new(),
        _ => from.to_vec(),
    };
    while segments
        .first()
        .is_some_and(|it| matches!(&**it, "crate" | "super" | "self"))
    {
        if segments.remove(0) == "super" {
            base.pop();
        }
    }
    base.extend(segments);
    while !base.is_empty() && !modules.contains_key(&base) {
        base.pop();
    }
    base
}

fn modules() -> BTreeMap<Vec<String>, PathBuf> {
    let paths = sources(&root()).into_iter().filter(|path| !is_test(path));
    let named = paths.map(|path| {
        let below = path.strip_prefix(root()).unwrap().with_extension("");
        let mut name: Vec<_> = below
            .iter()
            .map(|it| it.to_str().unwrap().to_owned())
            .collect();
        if name.last().is_some_and(|last| last == "mod") {
            name.pop();
        }
        (name, path)
    });
    named.filter(|(name, _)| *name != ["lib"]).collect()
}

/// What a module imports, directly or through others.
fn reachable<'a>(
    from: &'a Vec<String>,
    uses: &'a BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
) -> BTreeSet<&'a Vec<String>> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        for next in uses.get(module).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let modules = modules();
    let mut uses = BTreeMap::new();
    for (name, path) in &modules {
        let text = code(&fs::read_to_string(path).unwrap());
        let imports = text
            .split("use ")
            .skip(1)
            .filter_map(|rest| rest.split_once(';'));
        let paths = imports.flat_map(|(import, _)| expand(import));
        // A folder's own file lists what is in it.
        let paths = paths.filter(|path| path.starts_with("crate::") || path.starts_with("super::"));
        let targets = paths.map(|path| target(name, &path, &modules));
        let targets = targets.filter(|target| !target.is_empty() && target != name);
        uses.insert(name.clone(), targets.collect::<BTreeSet<_>>());
    }
    for module in modules.keys() {
        let is_in_circle = reachable(module, &uses).contains(module);
        assert!(!is_in_circle, "{} is part of a circle", module.join("/"));
    }
}
