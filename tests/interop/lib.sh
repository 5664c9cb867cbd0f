# What `run` and `fuzz` share: tools, a place to work in, and a running emulator.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${INTEROP_WORK:-$here/.work}
mkdir -p "$work"

# Ends with a plain message where a tool is missing; in CI that is a failure.
need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null && continue
    echo "SKIPPED: $tool is not installed"
    [ "${CI:-}" = true ] && exit 1
    exit 0
  done
}

# A virtual environment with these packages in it.
python_with() {
  local name=$1
  shift
  [ -x "$work/$name/bin/python" ] || python3 -m venv "$work/$name"
  "$work/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  python="$work/$name/bin/python"
}

# Starts the stand-alone emulator and sources what it prints.
start_emulator() {
  (cd "$root" && cargo build --quiet --example emulator)
  local target=${CARGO_TARGET_DIR:-$root/target}
  "$target/debug/examples/emulator" --listen "${EMULATOR_LISTEN:-127.0.0.1:0}" >"$work/emulator.env" &
  emulator=$!
  trap 'kill "$emulator" 2>/dev/null || true' EXIT
  for _ in $(seq 100); do
    tail -n 1 "$work/emulator.env" | grep -q '^listening on' && break
    sleep 0.1
  done
  set -a
  # shellcheck disable=SC1091
  . "$work/emulator.env"
  set +a
  : "${CLERK_API_URL:?the emulator did not start}"
}

# Holds everything that the emulator recorded against the OpenAPI document.
check_traffic() {
  curl --silent --show-error --fail "$CLERK_API_URL/__emulator/requests" >"$work/traffic.json"
  (cd "$root" && EMULATOR_TRAFFIC="$work/traffic.json" cargo test --quiet --all-features \
    --test it traffic_recorded_elsewhere -- --ignored --nocapture)
}
