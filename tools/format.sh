#!/usr/bin/env bash
# tools/format.sh           formats every C++ file of the project.
# tools/format.sh --check   changes nothing; exit code 1 and the names when a file is not formatted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-format >/dev/null || {
  echo "format: clang-format is missing; as root: apt-get install -y clang-format" >&2
  exit 3
}
mode=-i
[ "${1:-}" != --check ] || mode="--dry-run --Werror"
# shellcheck disable=SC2086
git ls-files -z --cached --others --exclude-standard '*.h' '*.cpp' '*.cu' '*.cuh' |
  xargs -0 -r clang-format $mode
