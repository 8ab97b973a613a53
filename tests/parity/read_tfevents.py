#!/usr/bin/env python3
"""Reads a run's event file with TensorBoard's own reader and compares it with RUN/metrics.jsonl: every
number of every line is a scalar of its step, as fp32, and there is no other. For developers; needs
`pip install tensorboard`. Prints one line; exit code 1 when something differs.

  python3 tests/parity/read_tfevents.py runs/quickstart
"""
import json
import math
import sys

import numpy
from tensorboard.backend.event_processing import event_accumulator


def main(run):
    reader = event_accumulator.EventAccumulator(run, size_guidance={event_accumulator.SCALARS: 0})
    reader.Reload()
    found = {}
    for tag in reader.Tags()["scalars"]:
        for event in reader.Scalars(tag):
            if (event.step, tag) in found:
                sys.exit(f"step {event.step}, {tag}: twice")
            found[event.step, tag] = event.value
    expected = {}
    for line in open(f"{run}/metrics.jsonl", encoding="utf-8"):
        row = json.loads(line)
        for name, value in row.items():
            if name != "step" and value is not None:
                expected[row["step"], name] = float(numpy.float32(value))
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key, math.nan) != expected.get(key, math.nan):
            sys.exit(f"step {key[0]}, {key[1]}: {found.get(key)} in the event file, {expected.get(key)} in metrics.jsonl")
    if not found:
        sys.exit("nothing to compare")
    print(f"{len(found)} scalars of {len({step for step, _ in found})} steps, {len({tag for _, tag in found})} tags: equal")


if __name__ == "__main__":
    main(sys.argv[1])
