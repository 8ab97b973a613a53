#!/usr/bin/env bash
# tools/run.sh ARGS…   sets up what is missing, builds, and runs `retort ARGS…`.
set -euo pipefail
# shellcheck source=tools/build_steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/build_steps.sh"
"$root/tools/setup.sh"
configure
build_targets retort
exec "$build/retort" "$@"
