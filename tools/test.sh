#!/usr/bin/env bash
# tools/test.sh [CTEST-ARGS…]   sets up what is missing, builds everything, runs every test.
set -euo pipefail
# shellcheck source=tools/build_steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/build_steps.sh"
"$root/tools/setup.sh"
configure
fresh=no
[ -f "$build/.ninja_log" ] || fresh=yes
build_targets all
if [ "$fresh" = yes ]; then
  "$root/tools/slow_files.sh" "$build"
fi
cd "$root"
exec ctest --test-dir "$build" -j2 --output-on-failure "$@"
