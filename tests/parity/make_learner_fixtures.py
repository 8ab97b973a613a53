#!/usr/bin/env python3
"""Cases for learner_rules_parity_test.cpp: advantages, policy losses, KL terms, aggregations.

Developers only; Python's standard library. Every objective is written here from the papers' formulas
(DeepSeekMath 2402.03300, DAPO 2503.14476, Dr. GRPO 2503.20783, GSPO 2507.18071, CISPO 2506.13585,
DeepSeek-V3.2 2512.02556, RLOO 2402.14740), over whole updates at once; its gradient is a difference
quotient of that, so that no derivative is copied. Sequences without a token count nowhere.

    tests/parity/make_learner_fixtures.py > tests/parity/learner_rules.jsonl
"""
import json
import math
import random
import statistics
import struct
import sys

CASES = int(sys.argv[1]) if len(sys.argv) > 1 else 250
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 14


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def advantages(name, groups, ddof, eps):
    def deviation(values):
        if len(values) <= ddof:
            return 0.0
        return statistics.stdev(values) if ddof else statistics.pstdev(values)

    every = [r for group in groups for r in group]
    result = []
    for group in groups:
        row = []
        for i, r in enumerate(group):
            if name == "reinforce_pp":
                flat = len(set(every)) == 1
                row.append(0.0 if flat else
                           (r - statistics.fmean(every)) / (deviation(every) + eps))
            elif len(set(group)) == 1:
                row.append(0.0)
            elif name == "grpo":
                row.append((r - statistics.fmean(group)) / (deviation(group) + eps))
            elif name == "dr_grpo":
                row.append(r - statistics.fmean(group))
            else:
                row.append(r - statistics.fmean(group[:i] + group[i + 1:]))
        result.append(row)
    return result


def token_terms(case, i, logp, frozen):
    """(policy, kl) losses of sequence i's tokens; `frozen` holds what has no gradient."""
    s, old, ref = case["settings"], case["old"][i], case["ref"][i]
    A, fixed = case["advantage"][i], frozen[i]
    T = len(logp)
    ratios = [math.exp(a - b) for a, b in zip(logp, old)]
    if s["sequence"]:
        one = math.exp(sum(a - b for a, b in zip(logp, old)) / T)
        weights, fixed_weights = [one] * T, [math.exp(
            sum(a - b for a, b in zip(fixed, old)) / T)] * T
    else:
        weights, fixed_weights = ratios, [math.exp(a - b) for a, b in zip(fixed, old)]
    mask = 1.0
    if s["delta"] > 0 and A < 0 and sum(b - a for a, b in zip(fixed, old)) / T > s["delta"]:
        mask = 0.0
    low, high = 1 - s["low"], 1 + s["high"]
    policy, kl, clipped = [], [], 0
    for t in range(T):
        r = weights[t]
        if s["policy"] == "cispo":
            w = min(max(fixed_weights[t], low), high)
            policy.append(-mask * w * A * logp[t])
            clipped += mask and w != fixed_weights[t]
        else:
            best = min(r * A, min(max(r, low), high) * A)
            bound = best != r * A
            if s["dual"] > 0 and A < 0 and best < s["dual"] * A:
                best, bound = s["dual"] * A, True
            policy.append(-mask * best)
            clipped += mask and bound
        d = logp[t] - ref[t]
        k3 = math.exp(-d) - 1 + d
        kl.append({"none": 0.0, "k1": d, "k2": d * d / 2, "k3": k3,
                   "unbiased": ratios[t] * k3}[s["kl"]])
    return policy, kl, clipped, 1 - mask


def objective(case, logps, frozen):
    s = case["settings"]
    full = [i for i in range(len(logps)) if logps[i]]
    tokens = sum(len(logps[i]) for i in full)
    totals, clipped, masked = [0.0, 0.0], 0, 0
    for i in full:
        policy, kl, cut, out = token_terms(case, i, logps[i], frozen)
        clipped, masked = clipped + cut, masked + out
        for k, terms in enumerate((policy, kl)):
            totals[k] += {"token-mean": sum(terms) / tokens,
                          "seq-mean-token-mean": statistics.fmean(terms) / len(full),
                          "seq-mean-token-sum-norm": sum(terms) / s["scale"] / len(full),
                          }[s["aggregation"]]
    return totals[0], totals[1], clipped, masked


def loss_case(rng):
    off = rng.choice([0.0, 0.05, 0.5, 2.0])
    lengths = [rng.choice([0, 1, 1, 2, 3, 5]) for _ in range(rng.randint(1, 5))]
    if not any(lengths):
        lengths[0] = 2
    near = lambda values, scale: [[single(min(x + rng.gauss(0, scale), 0.0)) for x in row]
                                  for row in values]
    old = [[single(-rng.expovariate(1.0)) for _ in range(n)] for n in lengths]
    logp = near(old, off) if off else old
    case = {"logp": logp, "old": old, "ref": near(old, rng.choice([0.0, 0.3, 1.5])),
            "advantage": [single(rng.choice([0.0, rng.gauss(0, 1), -1.0])) for _ in lengths],
            "settings": {
                "policy": rng.choice(["clip", "clip", "cispo"]), "sequence": rng.random() < 0.3,
                "low": rng.choice([0.0, 0.2, 0.003, 10.0]), "high": rng.choice([0.2, 0.28, 4.0, 10.0]),
                "dual": 0.0, "kl": rng.choice(["none", "k1", "k2", "k3", "unbiased"]),
                "kl_coef": rng.choice([0.001, 0.5, 1.0]), "delta": rng.choice([0.0, 0.1, 0.5]),
                "aggregation": rng.choice(
                    ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm"]),
                "scale": rng.choice([1.0, 7.0, 4096.0])}}
    s = case["settings"]
    if rng.random() < 0.3:
        s["dual"] = s["high"] + 1.5
    if not off:  # on policy the ratio 1 is on no bound
        s["low"] = s["low"] or 0.2
    loss, kl, clipped, masked = objective(case, logp, logp)
    h, gradient = 1e-6, []
    for i, row in enumerate(logp):
        gradient.append([])
        for t in range(len(row)):
            sides = []
            for sign in (1, -1):
                moved = [list(r) for r in logp]
                moved[i][t] += sign * h
                result = objective(case, moved, logp)
                if result[2:] != (clipped, masked):
                    return loss_case(rng)  # on a bound: no derivative
                sides.append(result[0] + s["kl_coef"] * result[1])
            gradient[-1].append(float(f"{(sides[0] - sides[1]) / (2 * h):.9g}"))
    case.update(loss=loss, kl=kl, clipped=int(clipped), masked=int(masked), gradient=gradient)
    return case


def advantage_case(rng):
    kinds = [lambda: rng.choice([0.0, 1.0]), lambda: 1.0, lambda: rng.uniform(-1, 1),
             lambda: rng.choice([0.1, 0.2, 0.30000000000000004]), lambda: rng.gauss(0, 1e6)]
    groups = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(kinds)
        groups.append([kind() for _ in range(rng.choice([1, 2, 3, 8]))])
    name, ddof = rng.choice(["grpo", "dr_grpo", "rloo", "reinforce_pp"]), rng.choice([0, 1])
    eps = rng.choice([0.0, 1e-6, 1e-4]) if all(len(g) > 1 for g in groups) else 1e-6
    return {"rewards": groups, "name": name, "ddof": ddof, "eps": eps,
            "advantages": advantages(name, groups, ddof, eps)}


def main():
    rng = random.Random(SEED)
    for _ in range(CASES):
        print(json.dumps(loss_case(rng), separators=(",", ":")))
        print(json.dumps(advantage_case(rng), separators=(",", ":")))


main()
