#!/usr/bin/env bash
# interrupt_when.sh LINES FILE COMMAND…   sends COMMAND a SIGINT as soon as FILE has LINES lines, however fast the machine is.
# Exit code: COMMAND's.
lines=$1
file=$2
shift 2
"$@" &
pid=$!
while kill -0 "$pid" 2>/dev/null && [ "$(cat "$file" 2>/dev/null | wc -l)" -lt "$lines" ]; do sleep 0.01; done
kill -INT "$pid" 2>/dev/null
wait "$pid"
