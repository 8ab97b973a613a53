#!/usr/bin/env bash
# tools/tidy.sh [FILE…]   clang-tidy over the half that needs no LibTorch (or over the files named).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-tidy-19 >/dev/null || {
  echo "tidy: clang-tidy 19 is missing; as root: apt-get install -y clang-tidy-19" >&2
  exit 3
}
tools/setup.sh
# clang cannot read g++'s precompiled headers.
PATH="$PWD/.retort/env/bin:$PATH" cmake --preset no-torch -B build-tidy -DRETORT_CCACHE=OFF \
  -DRETORT_PCH=OFF >/dev/null
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build-tidy/compile_commands.json |
    sort -u)
fi
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 -p build-tidy --quiet --extra-arg=-Wno-unknown-warning-option
