#!/usr/bin/env python3
"""Writes tests/parity/task_rewards.jsonl: completions, odd ones above all, with the score that each
text family's rule gives them, and worked traces of known problems. The rules are written here with
Python's regular expressions, integers and eval, independently of the parsers under test.

  python3 tests/parity/make_reward_fixtures.py > tests/parity/task_rewards.jsonl

Rows: {"score": 0|1, "family", "answer", "completion", "stop"}
      {"worked": text, "family", "level", "prompt", "answer", "held_out": bool}
"""
import itertools
import json
import platform
import random
import re
import sys
import zlib

sys.set_int_max_str_digits(0)

CHAIN_SUM = [(2, 9), (2, 20), (2, 99), (3, 9), (3, 20), (3, 50), (3, 99), (4, 20), (4, 50), (4, 99)]
COUNTDOWN = [(3, 9), (3, 12), (3, 20), (3, 30), (3, 50), (3, 99), (4, 9), (4, 20), (4, 50), (4, 99)]
FORM = re.compile(r"(?:<think>[^<]*</think>)?<answer>([0-9+\-*]+)</answer><eos>")
EXPRESSION = re.compile(r"[0-9]+(?:[+\-*][0-9]+)*")


# ---- the rules ----
def tagged(completion, stop):
    found = FORM.fullmatch(completion + ("<eos>" if stop == "eos" else ""))
    return found and found.group(1)


def value(expression):
    return eval(re.sub(r"\b0+(?=\d)", "", expression))


def score_chain_sum(gold, completion, stop):
    return int(tagged(completion, stop) == str(gold["target"]))


def score_countdown(gold, completion, stop):
    answer = tagged(completion, stop)
    if not answer or not EXPRESSION.fullmatch(answer):
        return 0
    if sorted(int(n) for n in re.findall("[0-9]+", answer)) != sorted(gold["numbers"]):
        return 0
    return int(value(answer) == gold["target"])


def score_arithmetic(gold, completion, stop):
    found = re.findall(r"Answer:[ \n]*(-?[0-9]+)", completion)
    return int(bool(found) and len(found[-1]) <= 11 and int(found[-1]) == gold["target"])


SCORE = {"chain_sum": score_chain_sum, "countdown": score_countdown, "arithmetic": score_arithmetic}


# ---- problems and their worked traces ----
def totals(numbers, signs):
    """'3+20=23-16=7' and 7"""
    total, text = numbers[0], str(numbers[0])
    for number, sign in zip(numbers[1:], signs):
        total = total + number if sign == "+" else total - number
        text += f"{sign}{number}={total}"
    return text, total


def expression(numbers, signs):
    return str(numbers[0]) + "".join(s + str(n) for n, s in zip(numbers[1:], signs))


def tries(numbers):
    """By number of subtracted numbers, then by which; the earliest number is the lowest bit."""
    for subtracted in range(len(numbers)):
        if len(numbers) - subtracted == 1:
            continue
        choices = itertools.combinations(range(len(numbers)), subtracted)
        for chosen in sorted(choices, key=lambda c: sum(1 << i for i in c)):
            added = [n for i, n in enumerate(numbers) if i not in chosen]
            taken = [numbers[i] for i in chosen]
            yield added + taken, "+" * (len(added) - 1) + "-" * len(taken)


def chain_sum(rng, level):
    terms, largest = CHAIN_SUM[level - 1]
    while True:
        numbers = [rng.randint(1, largest) for _ in range(terms)]
        signs = [rng.choice("+-") for _ in numbers[1:]]
        prefixes = [totals(numbers[:k], signs)[1] for k in range(1, terms + 1)]
        if min(prefixes) >= 0:
            break
    text, total = totals(numbers, signs)
    return {"target": total}, expression(numbers, signs) + "=", f"<think>{text}</think><answer>{total}</answer>"


def countdown(rng, level):
    count, largest = COUNTDOWN[level - 1]
    target = 0
    while target <= 0:
        numbers = [rng.randint(1, largest) for _ in range(count)]
        target = totals(*rng.choice(list(tries(numbers))))[1]
    work = []
    for order, signs in tries(numbers):
        text, total = totals(order, signs)
        work.append(text)
        if total == target:
            break
    prompt = " ".join(map(str, numbers)) + f">{target}="
    worked = f"<think>{';'.join(work)}</think><answer>{expression(order, signs)}</answer>"
    return {"numbers": numbers, "target": target}, prompt, worked


MAKE = {"chain_sum": chain_sum, "countdown": countdown}


# ---- completions ----
def right_expression(rng, gold):
    """Any expression over + - * that makes the target, found by trying them all in random order."""
    candidates = [(order, signs) for order in set(itertools.permutations(gold["numbers"]))
                  for signs in itertools.product("+-*", repeat=len(gold["numbers"]) - 1)]
    rng.shuffle(candidates)
    for order, signs in candidates:
        text = expression(order, signs)
        if value(text) == gold["target"]:
            return text
    raise AssertionError("every problem has a solution")


def any_expression(rng, gold):
    order = gold["numbers"][:]
    rng.shuffle(order)
    return expression(order, [rng.choice("+-*") for _ in order[1:]])


SNIPPETS = ["0", "00", "7", "-", "--", "+", "*", "**", "//", " ", "\n", "\t", "\r\n", "\0", "<", ">", "=",
            "<think>", "</think>", "<answer>", "</answer>", "<eos>", "<pad>", "<bos>", ".", ".0", "1e1",
            "٣", "３", "²", "−", "\u00a0", "\u200b", "é", "(", ")", "_", "1_0", "9" * 60, "0" * 40]


def mutate(rng, text):
    at = rng.randint(0, len(text))
    kind = rng.randrange(5)
    if kind == 0:
        return text[:at] + rng.choice(SNIPPETS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + rng.randint(1, 3):]
    if kind == 2:
        return text[:at] + rng.choice(SNIPPETS) + text[at + 1:]
    if kind == 3:
        return text[:at]
    return text + text[at:]


def pad_zeros(rng, text):
    return re.sub("[0-9]+", lambda m: "0" * rng.choice([0, 0, 1, 2, 30]) + m.group(), text)


def think(rng, worked):
    return rng.choice([
        *[lambda: worked[:worked.index("</think>") + 8]] * 8, *[lambda: ""] * 4, lambda: "<think></think>",
        lambda: "<think>anything\nat all, ²٣ 1+1=3</think>", lambda: "<think><think>1</think>",
        lambda: "<think>a</think><think>b</think>", lambda: "<think>" + "1+" * 40 + "</think>",
        lambda: "<think>a < b</think>", lambda: " <think>1</think>", lambda: "<think>1</think> "])()


def tagged_completion(rng, family, gold, worked):
    if family == "chain_sum":
        target = gold["target"]
        answer = rng.choice([
            *[lambda: str(target)] * 8, lambda: str(target + rng.randint(1, 9)),
            lambda: "0" + str(target), lambda: "-" + str(target), lambda: "+" + str(target),
            lambda: str(target) + "-0", lambda: f"{target}*1", lambda: str(target) + "9" * 50])()
    else:
        answer = rng.choice([
            *[lambda: right_expression(rng, gold)] * 4, *[lambda: pad_zeros(rng, right_expression(rng, gold))] * 3,
            lambda: any_expression(rng, gold),
            lambda: str(gold["target"]), lambda: right_expression(rng, gold) + "+0",
            lambda: right_expression(rng, gold) + "*1", lambda: "-" + right_expression(rng, gold),
            lambda: "*".join(["9" * 80] * 3), lambda: right_expression(rng, gold) + "-" + "1" * 70])()
    return think(rng, worked) + "<answer>" + answer + "</answer>"


def arithmetic_completion(rng, gold):
    target = gold["target"]
    number = rng.choice([
        lambda: str(target), lambda: str(target), lambda: str(target), lambda: str(-target),
        lambda: str(target).replace("-", "- "), lambda: re.sub("([0-9])", r"00\1", str(target), count=1),
        lambda: re.sub("([0-9])", r"00000000\1", str(target), count=1),
        lambda: re.sub("([0-9])", r"0000000000\1", str(target), count=1), lambda: f"{target}.5",
        lambda: "+" + str(target), lambda: "--" + str(target), lambda: str(target) + "٣", lambda: "9" * 50,
        lambda: str(2**64 + target), lambda: ""])()
    before = rng.choice(["", "", "so ", "Answer: 1\n", "Answer: ", "answer: 3 ", "Answer:", f"Answer: {target} ",
                         "Answer:\n\n" + "8" * 12 + " "])
    gap = rng.choice([" ", " ", " ", "", "\n", "  \n ", "\t", "\u00a0", " = "])
    after = rng.choice(["", "", "", ".", "\n", " and Answer: none", " Answer:", " Answer: 5", " apples"])
    return before + "Answer:" + gap + number + after


def main():
    rng = random.Random(20261125)
    rows = []
    for family in ("chain_sum", "countdown"):
        for level in range(1, 11):
            for index in range(90):
                gold, prompt, worked = MAKE[family](rng, level)
                if index < 12:
                    rows.append(dict(worked=worked, family=family, level=level, prompt=prompt, answer=gold,
                                     held_out=zlib.crc32(prompt.encode()) % 8 == 0))
                completion = tagged_completion(rng, family, gold, worked)
                for _ in range(rng.choice([0, 0, 0, 1, 2])):
                    completion = mutate(rng, completion)
                stop = rng.choice(["eos"] * 6 + ["length"])
                rows.append(dict(score=SCORE[family](gold, completion, stop), family=family, answer=gold,
                                 completion=completion, stop=stop))
    for _ in range(700):
        gold = {"target": rng.randint(-99, 250)}
        completion = arithmetic_completion(rng, gold)
        if rng.random() < 0.3:
            completion = mutate(rng, completion)
        rows.append(dict(score=score_arithmetic(gold, completion, "eos"), family="arithmetic",
                         answer=gold, completion=completion, stop="eos"))

    scores = [row["score"] for row in rows if "score" in row]
    assert 0.2 < sum(scores) / len(scores) < 0.6, "both scores must be common"
    print(json.dumps(dict(made_by="tests/parity/make_reward_fixtures.py", python=platform.python_version(),
                          unicode="completions are JSON strings in ASCII escapes", rows=len(rows),
                          right=sum(scores))))
    for row in rows:
        print(json.dumps(row, separators=(",", ":")))


main()
