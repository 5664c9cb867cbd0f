//! Runs a test of this program in a process of its own, whose environment is set beforehand.

use std::ffi::OsStr;
use std::process::Command;

/// Runs one ignored test with these variables and returns what it printed.
///
/// `CLERK_*` variables of this process are not handed down.
pub(crate) fn run(test: &str, variables: &[(&str, &OsStr)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLERK_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("1 passed"), "no test `{test}`: {text}");
    text
}
