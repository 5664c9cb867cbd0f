# `just` lists the recipes. They are what CI runs, so a green `just ci` is a green build.

_default:
    @just --list

# The inner loop, under a minute: formatting, lints of the library, unit tests.
check:
    cargo fmt --all --check
    cargo clippy --workspace --tests -- -D warnings
    cargo test --lib --test layout

# Every test.
test:
    cargo test

# The documentation, as docs.rs renders it.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features

# Everything that has to hold before a change is taken. Installs what it needs.
ci:
    bash .ci/run

# Storms, random schedules and load programs at the size of the record (about an hour).
full:
    FULL=1 cargo test --release --lib --test it --test load -- --nocapture --test-threads=1

# The benchmarks; one table at the end.
bench:
    cargo bench
