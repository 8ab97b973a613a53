#!/usr/bin/env bash
# tools/slow_files.sh [BUILD-FOLDER [COUNT]]   the files that took longest to build, from Ninja's log.
set -euo pipefail
build=${1:-build} count=${2:-10}
echo "slowest $count of the build (seconds):"
# Columns: start ms, end ms, mtime, output, hash of the command; the last line of an output counts.
awk 'NF >= 4 && $1 !~ /^#/ { seconds[$4] = ($2 - $1) / 1000
       if ($2 > end) end = $2 }
     END { for (file in seconds) printf "%7.1f  %s\n", seconds[file], file
           printf "%7.1f  (the whole build)\n", end / 1000 }' "$build/.ninja_log" |
  sed 's#[A-Za-z0-9_./-]*CMakeFiles/[^/]*\.dir/#&#' | sort -rn |
  awk -v lines="$((count + 1))" 'NR <= lines'  # reads to the end: `head` would end sort by SIGPIPE
