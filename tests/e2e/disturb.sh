#!/usr/bin/env bash
# disturb.sh SIGNAL MOST FILE COMMAND…: runs the command and, each time FILE (its metrics.jsonl) has
# grown to three lines or more, sends SIGNAL to one of the command's child processes, another one
# each time, MOST times at most. A child that is stopped stays so. The last line on standard error says how many were hit.
# Exit code: COMMAND's.
signal=$1 most=$2 file=$3
shift 3
"$@" &
command=$!
seen=0 hit=0
while kill -0 $command 2>/dev/null; do
  lines=$(cat "$file" 2>/dev/null | wc -l)
  if [ "$lines" -ge 3 ] && [ "$lines" -gt "$seen" ] && [ "$hit" -lt "$most" ]; then
    seen=$lines
    read -ra children <<<"$(cat /proc/$command/task/*/children 2>/dev/null | tr '\n' ' ')"
    if [ ${#children[@]} -gt 0 ]; then
      kill -s "$signal" "${children[$((seen % ${#children[@]}))]}" 2>/dev/null && hit=$((hit + 1))
    fi
  fi
  sleep 0.02
done
wait $command
code=$?
echo "disturbed: $hit" >&2
exit $code
