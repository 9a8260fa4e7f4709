#!/usr/bin/env bash
# Every gate of the project. `./ci.sh` runs all in order, `./ci.sh NAME…` some, `./ci.sh list` lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

GATES=(setup format clippy ruff mypy imports rust python latency docs)
VENV=$PWD/.venv

die() {
  printf 'ci.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

need_cargo() {
  command -v cargo >/dev/null || die "cargo is missing; install Rust 1.95 (https://rustup.rs)"
}

need_venv() {
  [ -x "$VENV/bin/python" ] || die "there is no .venv; run ./ci.sh setup"
}

# The first Python that is new enough: a name on the path may be a shim that runs nothing.
find_python() {
  local name
  for name in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$name"
      return
    fi
  done
  die "Python 3.11 or later is missing; install it, or name it: PYTHON=/path/to/python3 ./ci.sh"
}

# Tests run against a release build of what is in the tree now; without a change this takes a second.
native_built=
native() {
  [ -z "$native_built" ] || return 0
  need_cargo
  need_venv
  "$VENV/bin/maturin" develop --release --locked --skip-install --quiet
  native_built=yes
}

gate_setup() {
  need_cargo
  local python wanted stamp=$VENV/.rttp-setup
  python=$(find_python)
  [ -x "$VENV/bin/python" ] || "$python" -m venv "$VENV" || die "python -m venv failed; on Debian install python3-venv"
  "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || die ".venv has a Python older than 3.11; remove it and run ./ci.sh setup"
  wanted=$(sha256sum <pyproject.toml)
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev]'
    printf '%s\n' "$wanted" >"$stamp"
  fi
  native
  "$VENV/bin/python" -c '
from rttp_cli import _core
version, profile, commit = _core.build_info()
print(f"rttp {version}, {profile} build, commit {commit}")
raise SystemExit(profile != "release")' || die "the native module is not a release build"
}

gate_format() {
  need_cargo
  need_venv
  cargo fmt --all --check
  "$VENV/bin/ruff" format --check .
}

gate_clippy() {
  need_cargo
  cargo clippy --locked --workspace --all-targets -- -D warnings
}

gate_ruff() {
  need_venv
  "$VENV/bin/ruff" check .
}

gate_mypy() {
  need_venv
  "$VENV/bin/mypy"
}

gate_imports() {
  need_venv
  "$VENV/bin/lint-imports"
}

# rttp-py is left out: an extension module links against Python only inside a Python process.
gate_rust() {
  need_cargo
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace --exclude rttp-py --no-fail-fast
  else
    cargo test --locked --workspace --exclude rttp-py --no-fail-fast --lib --bins --tests
  fi
  cargo test --locked --workspace --exclude rttp-py --doc
}

gate_python() {
  native
  "$VENV/bin/python" -m pytest
}

# Runs a command whose exit code must be one of those named.
exits() {
  local wanted=$1 code=0
  shift
  "$@" >/dev/null || code=$?
  [[ " $wanted " == *" $code "* ]] || die "exit code $code, expected $wanted: $*"
}

# Our own gates on our own run: a busy machine may be inconclusive, and no absolute time is asserted.
gate_latency() {
  native
  local folder rttp=$VENV/bin/rttp
  folder=$(mktemp -d)
  exits "0 6" "$rttp" bench ci-smoke --quiet --set run.duration=5s --out "$folder/run.json"
  exits "0 6" "$rttp" gate "$folder/run.json"
  exits 1 "$rttp" gate "$folder/run.json" --expr 'samples < 1'
  # No run of seconds has the samples to tell.
  exits 6 "$rttp" gate "$folder/run.json" --no-profile-gates --expr 'p99.99999 > 1h'
  rm -r "$folder"
}

gate_docs() {
  need_cargo
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
}

gate=
run() {
  local start=$SECONDS
  gate=$1
  printf '== %s\n' "$gate"
  "gate_$gate"
  printf '== %s: %d s\n' "$gate" "$((SECONDS - start))"
}

main() {
  local name
  if [ "$*" = list ]; then
    printf '%s\n' "${GATES[@]}"
    return
  fi
  for name in "$@"; do
    [[ " ${GATES[*]} " == *" $name "* ]] || die "no gate \`$name\`; there are: ${GATES[*]}" 2
  done
  # Tools that start other tools (pyo3's build, maturin) look here for the Python to use.
  export VIRTUAL_ENV=$VENV PATH=$VENV/bin:$PATH
  trap 'code=$?; [ $code = 0 ] || printf "== failed: %s\n" "$gate" >&2' EXIT
  [ $# -gt 0 ] || set -- "${GATES[@]}"
  for name in "$@"; do
    run "$name"
  done
}

main "$@"
