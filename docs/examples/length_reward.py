#!/usr/bin/env python3
"""A reward of your own: shorter answers score higher. Use it as

    rewards = [{ name = "task" }, { name = "command:docs/examples/length_reward.py", weight = 0.1 }]

Retort starts the program once, writes a JSON row a line to its standard input, and waits for one line a
row, in any order: {"id": …, "score": …}, or {"id": …, "outcome": "unverifiable"} when it cannot say.
`retort score --check --reward command:docs/examples/length_reward.py` asks it everything that is promised.
"""
import json
import sys

for line in sys.stdin:
    row = json.loads(line)
    score = 1.0 / (1.0 + len(row["completion"]) / 100.0)
    print(json.dumps({"id": row["id"], "score": score}), flush=True)
