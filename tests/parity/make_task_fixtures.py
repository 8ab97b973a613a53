"""Writes tests/parity/task_rows: rows as Python's json module writes them, and what is in them.

    python3 tests/parity/make_task_fixtures.py

trl.jsonl and verl.jsonl are the rows; expected.jsonl has, for each row of both, prompt or messages,
the gold as canonical JSON, source, level and side. Standard library only.
"""

import json
import pathlib
import random

FOLDER = pathlib.Path(__file__).parent / "task_rows"
HELD_OUT = {"held_out", "test", "validation", "valid", "val", "dev", "eval"}
TEXTS = ["2+2=", "Größe?\n\tzwei", "日本語の問題", "\U0001d54f ∈ ℝ", 'a "quote" \\frac{1}{2} / \x7f',
         "nul \u0000 inside", "line\u2028separator", " spaces ", "\ufeffmark", "0"]


class Number(str):
    """A number by its text."""


def canonical(value):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda item: item[0].encode())
        return "{" + ",".join(canonical(k) + ":" + canonical(v) for k, v in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def golds(random_):
    return random_.choice([
        "4", "-7/3", "", 4, -3, 0, 2.5, 1e300, 10**30, -(10**25), 0.1, True,
        ["a", 1], {"b": 2, "a": [1.0, {"z": None, "y": 12345678901234567890123}]}, "\\boxed{7}"])


def further(random_, row):
    for key, value in [("id", random_.randrange(10**6)), ("level", random_.randrange(1, 6)),
                       ("topic", random_.choice(TEXTS)), ("weights", [0.1, 1e-9, 3]),
                       ("nested", {"ß": {"a": [[]], "": {}}}), ("split", random_.choice(
                           ["train", "test", "validation", "other"])), ("note", None)]:
        if random_.random() < 0.4:
            row[key] = value


def messages(random_, number):
    turns = [{"role": "user", "content": f"{random_.choice(TEXTS)} {number}"}]
    if random_.random() < 0.5:
        turns.insert(0, {"role": "system", "content": random_.choice(TEXTS)})
    if random_.random() < 0.3:
        turns += [{"role": "assistant", "content": "hm"}, {"role": "user", "content": "again"}]
    return turns


def trl_row(random_, number):
    row = {}
    if random_.random() < 0.5:
        further(random_, row)
    row["prompt"] = (f"{random_.choice(TEXTS)} {number}" if random_.random() < 0.5
                     else messages(random_, number))
    row[random_.choice(["answer", "solution", "ground_truth"])] = golds(random_)
    if random_.random() < 0.5:
        further(random_, row)
    return row


def verl_row(random_, number):
    row = {"data_source": random_.choice(["openai/gsm8k", "math_dapo"]),
           "prompt": messages(random_, number), "ability": random_.choice(["math", "code"]),
           "reward_model": {"style": "rule", "ground_truth": golds(random_)},
           "extra_info": {"split": random_.choice(["train", "test"]), "index": number,
                          "answer": "long text"}}
    if random_.random() < 0.3:
        row["extra_info"] = None
    if random_.random() < 0.3:
        row["agent_name"] = "tool_agent"
    return row


def expected(line, shape):
    row = json.loads(line, parse_int=Number, parse_float=Number)
    extra = row.get("extra_info") or {}
    column = lambda key: row[key] if row.get(key) is not None else extra.get(key)
    gold = row["reward_model"]["ground_truth"] if shape == "verl" else next(
        row[key] for key in ("answer", "solution", "ground_truth") if row.get(key) is not None)
    split = column("split")
    return {"shape": shape, "prompt": row["prompt"], "answer": canonical(gold),
            "source": row.get("data_source") or "rows",
            "level": int(row["level"]) if isinstance(row.get("level"), Number) else None,
            "split": "held_out" if split in HELD_OUT else "train" if split == "train" else None}


def main():
    random_ = random.Random(14)
    FOLDER.mkdir(exist_ok=True)
    results = []
    for shape, make in (("trl", trl_row), ("verl", verl_row)):
        lines = []
        for number in range(60):
            style = random_.choice([{}, {"ensure_ascii": False}, {"separators": (",", ":")}])
            line = json.dumps(make(random_, number), **style)
            line = random_.choice(["", " "]) + line + random_.choice(["", "  ", "\r"])
            lines.append(line)
            results.append(expected(line, shape))
        (FOLDER / f"{shape}.jsonl").write_bytes(("\n".join(lines) + "\n").encode())
    (FOLDER / "expected.jsonl").write_text("".join(json.dumps(r) + "\n" for r in results))


main()
