#!/usr/bin/env bash
# check_sources_digest.sh CMAKE: the digest of sources is the same for the same sources in another
# folder, and another one when a byte, a name or the number of files changes.
set -euo pipefail
cmake=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

tree() {
  mkdir -p "$scratch/$1/base" "$scratch/$1/tests"
  echo 'project(x)' >"$scratch/$1/CMakeLists.txt"
  echo 'int a;' >"$scratch/$1/base/a.cpp"
}
digest() {
  "$cmake" -DROOT="$scratch/$1" -DOUT="$scratch/$1.cpp" -P "$here/sources_digest.cmake"
  grep -o '"[0-9a-f]\{12\}"' "$scratch/$1.cpp"
}
expect() { # NAME same|other
  local is=same
  [ "$(digest "$1")" = "$first" ] || is=other
  [ "$is" = "$2" ] || { echo "the digest of $1 is the $is one; expected: $2"; exit 1; }
}

tree first && first=$(digest first)
tree again && echo 'int test;' >"$scratch/again/tests/a.cpp" && expect again same
tree byte && echo 'int b;' >"$scratch/byte/base/a.cpp" && expect byte other
tree name && mv "$scratch/name/base/a.cpp" "$scratch/name/base/b.cpp" && expect name other
tree more && echo >"$scratch/more/base/b.h" && expect more other

before=$(stat -c %Y.%y "$scratch/first.cpp")
expect first same
[ "$(stat -c %Y.%y "$scratch/first.cpp")" = "$before" ] || { echo 'an equal digest is written again'; exit 1; }
