#!/usr/bin/env python3
"""Writes tests/parity/math_equal.jsonl: pairs of a gold answer and an answer with what exact
arithmetic says of them: whether they are the same number. The numbers are made first, with SymPy,
and then written down in several ways; unequal pairs are mutants of the written text or of the
number (sign, digit, swapped fraction, power of ten, percent, a dropped root, a neighbour), kept when
SymPy finds that their values differ. Needs sympy.

  python3 tests/parity/make_math_fixtures.py > tests/parity/math_equal.jsonl

Rows: {"gold", "answer", "equal": bool}
"""
import json
import random
import re
import sys

import sympy
from sympy import Rational, pi, sqrt


def whole(rng):
    return rng.choice([rng.randint(0, 20), rng.randint(0, 999), rng.randint(1000, 10**7)])


# ---- ways to write a number ----
def write_whole(n, rng):
    sign, n = ("-" if n < 0 else ""), abs(n)
    ways = [str(n)]
    if n >= 1000:
        ways += [f"{n:,}", f"{n:,}".replace(",", "{,}"), f"{n:,}".replace(",", "\\,")]
    if n % 100 == 0 and n:
        ways += [f"{n // 100} \\times 10^2", f"{n // 100}e2", f"{n // 100} \\cdot 10^{{2}}"]
    ways += [f"{n}.0", f"\\frac{{{2 * n}}}{{2}}", f"{n + 7} - 7" if not sign else str(n)]
    return sign + rng.choice(ways)


def write_rational(q, rng):
    if q.q == 1:
        return write_whole(int(q), rng)
    sign, q = ("-" if q < 0 else ""), abs(q)
    n, d = q.p, q.q
    k = rng.randint(2, 5)
    ways = [f"{n}/{d}", f"\\frac{{{n}}}{{{d}}}", f"\\dfrac{{{n}}}{{{d}}}", f"\\frac{{{k * n}}}{{{k * d}}}",
            f"{{{n}}}/{d}", f"\\left(\\frac{{{n}}}{{{d}}}\\right)", f"{n} \\div {d}"]
    if n < 10 and d < 10:
        ways += [f"\\frac{n}{d}", f"\\frac{n}{{{d}}}"]
    if n > d:
        ways += [f"{n // d}\\frac{{{n % d}}}{{{d}}}", f"{n // d} {n % d}/{d}"]
    if set(sympy.factorint(d)) <= {2, 5}:
        digits = 0
        while (q * 10**digits).q != 1:
            digits += 1
        text = str((q * 10**digits).p).rjust(digits + 1, "0")
        ways += [text[:-digits] + "." + text[-digits:]] * 3
        ways += [text[:-digits] + "." + text[-digits:] + "0"]
        hundred = q * 100
        if hundred.q == 1:
            ways += [f"{hundred.p}\\%", f"{hundred.p}%"]
    return sign + rng.choice(ways)


def write_surd(c, n, rng):
    """c * sqrt(n), n no square"""
    sign, c = ("-" if c < 0 else ""), abs(c)
    k = rng.randint(2, 4)
    ways = [f"{c.p}\\sqrt{{{n}}}/{c.q}" if c.q > 1 else f"{c.p}\\sqrt{{{n}}}",
            f"\\frac{{{c.p}\\sqrt{{{n}}}}}{{{c.q}}}",
            f"\\frac{{{c.p}}}{{{c.q}}}\\sqrt{{{n}}}",
            f"\\frac{{{c.p * n}}}{{{c.q}\\sqrt{{{n}}}}}",
            f"\\frac{{\\sqrt{{{c.p**2 * n}}}}}{{{c.q}}}",
            f"\\frac{{{c.p}}}{{{c.q * k}}}\\sqrt{{{n * k * k}}}",
            f"\\frac{{{c.p}}}{{{c.q}}} \\cdot {n}^{{1/2}}"]
    return sign + rng.choice(ways)


def write_pi(c, rng):
    sign, c = ("-" if c < 0 else ""), abs(c)
    ways = [f"\\frac{{{c.p}\\pi}}{{{c.q}}}", f"\\frac{{{c.p}}}{{{c.q}}}\\pi", f"{c.p}\\pi/{c.q}",
            f"\\frac{{{c.p} \\pi^2}}{{{c.q}\\pi}}", f"{c.p}*pi/{c.q}"]
    return sign + rng.choice(ways)


def number(rng):
    """A SymPy number and a function that writes it."""
    kind = rng.randrange(6)
    sign = rng.choice([1, 1, -1])
    if kind == 0:
        n = sympy.Integer(sign * whole(rng))
        return n, lambda value: write_whole(int(value), rng)
    if kind in (1, 2):
        q = Rational(sign * rng.randint(1, 60), rng.choice([2, 3, 4, 5, 7, 8, 9, 10, 12, 20, 25, 100]))
        return q, lambda value: write_rational(value, rng)
    if kind == 3:
        n = rng.choice([2, 3, 5, 6, 7, 10, 15])
        c = Rational(sign * rng.randint(1, 12), rng.randint(1, 6))
        return c * sqrt(n), lambda value: write_surd(Rational(value / sqrt(n)), n, rng)
    if kind == 4:
        c = Rational(sign * rng.randint(1, 12), rng.randint(1, 6))
        return c * pi, lambda value: write_pi(Rational(value / pi), rng)
    n = rng.choice([2, 3, 5])
    a, b = rng.randint(1, 9), rng.randint(1, 5)
    scale = a * a - b * b * n

    def write(value):
        # value = k * (a + b sqrt n)
        k = Rational(sympy.nsimplify(sympy.radsimp(value / (a + b * sqrt(n)))))
        ways = [f"\\frac{{{k.p * a} + {k.p * b}\\sqrt{{{n}}}}}{{{k.q}}}".replace("+ -", "- "),
                f"\\frac{{{k.p}({b}\\sqrt{{{n}}} + {a})}}{{{k.q}}}",
                f"\\frac{{{k.p * scale}}}{{{k.q}({a} - {b}\\sqrt{{{n}}})}}"]
        return rng.choice(ways)
    return Rational(sign * rng.randint(1, 4), rng.randint(1, 3)) * (a + b * sqrt(n)), write


# ---- mutants ----
def near(value, rng):
    return rng.choice([-value, value + 1, value - 1, value * 10, value / 10, value * 100, value / 100, 1 / value,
                       value + Rational(1, 1000), value * 2, value**2])


def mutate_text(text, rng):
    digits = [m.start() for m in re.finditer(r"\d", text)]
    i = rng.choice(digits)
    return text[:i] + str((int(text[i]) + rng.randint(1, 9)) % 10) + text[i + 1:]


def evaluate(text):
    """The value of a text that this script wrote, or None: by rewriting it for SymPy."""
    t = text.replace("{,}", "").replace("\\,", "").replace("\\dfrac", "\\frac").replace("\\left", "")
    t = t.replace("\\right", "").replace("\\pi", " pi ")
    t = re.sub(r"(\d),(\d{3})", r"\1\2", t)
    t = re.sub(r"(\d),(\d{3})", r"\1\2", t)
    percent = t.endswith("%")
    t = t.rstrip("%").rstrip("\\")
    t = re.sub(r"\\frac(\d)(\d)$", r"\\frac{\1}{\2}", t)
    t = re.sub(r"\\frac(\d)\{", r"\\frac{\1}{", t)
    t = re.sub(r"^(-?)(\d+)\\frac\{(\d+)\}\{(\d+)\}$", r"\1(\2+(\3)/(\4))", t)
    t = re.sub(r"^(-?)(\d+) (\d+)/(\d+)$", r"\1(\2+(\3)/(\4))", t)
    for _ in range(4):
        t = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", t)
        t = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", t)
    t = re.sub(r"\^\{([^{}]*)\}", r"**(\1)", t).replace("^", "**")
    t = t.replace("{", "(").replace("}", ")").replace("\\times", "*").replace("\\cdot", "*").replace("\\div", "/")
    t = re.sub(r"(?<=[\d)])\s*(?=sqrt|pi|\()", "*", t)
    t = re.sub(r"(?<=\))\s*(?=sqrt|pi|\()", "*", t)
    t = re.sub(r"(?<![\d.])0+(?=\d)", "", t)
    t = re.sub(r"(\d+\.\d+|\d+)e(\d+)", r"(\1*10**\2)", t)
    t = re.sub(r"\d+\.\d+", lambda m: f"Rational('{m.group()}')", t)
    t = re.sub(r"(?<![\d.'*])(?<!\*\*)\b(\d+)\b(?!\.|')", r"Integer(\1)", t)
    if "\\" in t:
        return None
    try:
        value = eval(t, {"sqrt": sqrt, "pi": pi, "Integer": sympy.Integer, "Rational": Rational})
    except Exception:
        return None
    return value / 100 if percent else value


def same(a, b):
    return sympy.simplify(sympy.radsimp(a - b)) == 0


def main():
    rng = random.Random(14)
    rows, equal, unequal = set(), 0, 0
    while equal < 500 or unequal < 900:
        value, write = number(rng)
        gold, answer = write(value), write(value)
        check = evaluate(gold), evaluate(answer)
        if None in check or not same(check[0], value) or not same(check[1], value):
            sys.exit(f"{value}: {gold} -> {check[0]}, {answer} -> {check[1]}")
        if equal < 500 and gold != answer and (gold, answer, True) not in rows:
            rows.add((gold, answer, True))
            equal += 1
        mutants = [mutate_text(answer, rng)]
        if value != 0:
            try:
                mutants.append(write(near(value, rng)))
            except (TypeError, ValueError, ZeroDivisionError):
                pass
        for mutant in mutants:
            other = evaluate(mutant)
            if other is None or other.has(sympy.zoo, sympy.nan) or unequal >= 900:
                continue
            if not same(other, value) and (gold, mutant, False) not in rows:
                rows.add((gold, mutant, False))
                unequal += 1
    for gold, answer, is_equal in sorted(rows):
        print(json.dumps({"gold": gold, "answer": answer, "equal": is_equal}))
    print(f"sympy {sympy.__version__}: {equal} equal, {unequal} unequal", file=sys.stderr)


main()
