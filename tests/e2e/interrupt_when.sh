#!/usr/bin/env bash
# interrupt_when.sh FILE COMMAND…   sends COMMAND a SIGINT as soon as FILE has two lines, however fast the machine is.
# Exit code: COMMAND's.
file=$1
shift
"$@" &
pid=$!
while kill -0 "$pid" 2>/dev/null && [ "$(cat "$file" 2>/dev/null | wc -l)" -lt 2 ]; do sleep 0.01; done
kill -INT "$pid" 2>/dev/null
wait "$pid"
