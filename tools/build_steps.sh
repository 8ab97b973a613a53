#!/usr/bin/env bash
# Set-up, configuration and build for tools/run.sh and tools/test.sh. Sourced. All output goes to
# standard error: standard output belongs to the program.
#
# RETORT_BUILD_DIR   build folder (default: build)
# RETORT_CMAKE_ARGS  further arguments of the first configuration, e.g. "-DRETORT_WERROR=ON"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${RETORT_BUILD_DIR:-$root/build}

# What the private environment lacks comes from the machine.
PATH="$root/.retort/env/bin:$PATH"
export PATH

# configure: when there is no build yet, or when the set-up or the arguments have changed since.
configure() {
  local wanted
  wanted="$(cat "$root/.retort/stamp") ${RETORT_CMAKE_ARGS:-}"
  if [ -f "$build/build.ninja" ] && [ -f "$build/configured" ] &&
    [ "$(cat "$build/configured")" = "$wanted" ]; then
    return 0
  fi
  mkdir -p "$build"
  # shellcheck disable=SC2086
  if ! cmake -S "$root" -B "$build" -G Ninja ${RETORT_CMAKE_ARGS:-} >"$build/configure.log" 2>&1; then
    cat "$build/configure.log" >&2
    echo "retort: configuring the build failed" >&2
    exit 1
  fi
  echo "$wanted" >"$build/configured"
}

# build_targets [TARGET…]: silent when up to date; else Ninja's one live line on a terminal, a line
# every few seconds in a pipe. The compiler's words are shown when it fails.
build_targets() {
  if ninja -C "$build" -n "$@" 2>/dev/null | tail -n 1 | grep 'no work to do' >/dev/null; then
    return 0
  fi
  if [ -t 2 ]; then
    NINJA_STATUS='build [%f/%t] ' ninja -C "$build" "$@" >&2 || fail_build
    return 0
  fi
  local log="$build/build.log" line last=-5
  if ! NINJA_STATUS='[%f/%t] ' ninja -C "$build" "$@" 2>&1 | tee "$log" | while read -r line; do
    if [ $((SECONDS - last)) -ge 5 ] && [[ $line == \[*/*\]* ]]; then
      last=$SECONDS
      echo "build ${line%%]*}]" >&2
    fi
  done; then
    grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\|Re-running\)' "$log" | tail -n 80 >&2
    fail_build
  fi
  grep 'warning:' "$log" >&2 || true
}

fail_build() {
  echo "retort: the build failed" >&2
  exit 1
}
