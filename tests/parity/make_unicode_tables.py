#!/usr/bin/env python3
"""Writes policy/tokenizer/unicode_tables.cpp: where the tokenizers library and ours would differ,
and policy/chat_template/case_table.cpp: where Python's upper() and title() give several characters.

The tokenizers library brings Unicode data of several ages with it: Oniguruma's for patterns
(Unicode 16), Rust's own for case and digits, older tables for normalisation and punctuation. Ours
come from PCRE2 (Unicode 14 in Debian 12) and utf8proc. Every difference is measured here, code point
by code point, and written down as ranges; nothing is taken from a data file.

Developer only. Run from the root of the sources with Python whose unicodedata is 14.0.0 and whose
tokenizers is the release to agree with; needs libutf8proc.so.2.
"""

import ctypes
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

OUT = "policy/tokenizer/unicode_tables.cpp"
CASE_OUT = "policy/chat_template/case_table.cpp"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
CATEGORIES = (
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
)


def matched_by(pattern):
    """The code points that the pattern matches in the tokenizers library."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    found = set()
    for i in range(0, len(CODE_POINTS), 20000):
        text = "".join(map(chr, CODE_POINTS[i : i + 20000]))
        for piece, _ in split.pre_tokenize_str(text):
            found.update(map(ord, piece))
    return found


def joined_to(pre_tokenizer, before, spaces):
    """The code points that stay in one piece with `before`."""
    found = set()
    for i in range(0, len(CODE_POINTS), 4000):
        chars = [c for c in CODE_POINTS[i : i + 4000] if c not in spaces]
        starts = {k * 3: c for k, c in enumerate(chars)}
        text = "\n".join(before + chr(c) for c in chars)
        for _, (begin, end) in pre_tokenizer.pre_tokenize_str(text):
            if begin in starts and end - begin == 2:
                found.add(starts[begin])
    return found


def ranges(points):
    rows = []
    for p in sorted(points):
        if rows and rows[-1][1] == p - 1:
            rows[-1][1] = p
        else:
            rows.append([p, p])
    return rows


class Utf8proc:
    def __init__(self):
        self.lib = ctypes.CDLL("libutf8proc.so.2")
        self.lib.utf8proc_map.restype = ctypes.c_ssize_t
        self.lib.utf8proc_tolower.restype = ctypes.c_int32
        self.libc = ctypes.CDLL(None)
        self.libc.free.argtypes = [ctypes.c_void_p]

    def normal(self, text, options):
        raw = text.encode()
        out = ctypes.c_void_p()
        n = self.lib.utf8proc_map(
            raw, ctypes.c_ssize_t(len(raw)), ctypes.byref(out), ctypes.c_int(options)
        )
        assert n >= 0, (text, n)
        result = ctypes.string_at(out.value, n).decode()
        self.libc.free(out)
        return result


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit("run with a Python whose unicodedata is 14.0.0 (3.11)")
    lines = []

    def table(type_name, name, rows, comment):
        lines.append(f"// {comment}")
        lines.append(f"const std::vector<{type_name}>& {name}() {{")
        lines.append(f"  static const std::vector<{type_name}> kRows = {{")
        line = "     "
        for row in rows:
            if len(line) + len(row) + 2 > 98:
                lines.append(line)
                line = "     "
            line += " " + row + ","
        lines.append(line)
        lines.append("  };")
        lines.append("  return kRows;")
        lines.append("}")
        lines.append("")

    def range_rows(points):
        return ["{0x%X, 0x%X}" % (a, b) for a, b in ranges(points)]

    unassigned = {c for c in CODE_POINTS if unicodedata.category(chr(c)) == "Cn"}
    newer = []
    for category in CATEGORIES:
        rows = ranges(matched_by(r"\p{%s}" % category) & unassigned)
        newer += [(a, b, category) for a, b in rows]
    newer.sort()
    table(
        "CategoryRange",
        "categories_after_unicode_14",
        ['{0x%X, 0x%X, "%s"}' % row for row in newer],
        "General categories in Oniguruma of code points that Unicode 14 left unassigned.",
    )
    table(
        "CodePointRange",
        "han_after_unicode_14",
        range_rows(matched_by(r"\p{Han}") & unassigned),
        "Of those, script Han.",
    )

    spaces = matched_by(r"\s")
    numbers = matched_by(r"\p{N}")
    digits = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=False)]
    )
    table(
        "CodePointRange",
        "numeric_after_oniguruma",
        range_rows(joined_to(digits, "1", spaces) - numbers),
        "Numeric for the pre-tokenizer Digits, but not in Oniguruma's category N.",
    )
    marks = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous")]
    )
    punctuation = joined_to(marks, "!", spaces)
    category_p = matched_by(r"\p{P}")
    ascii_extra = {c for c in range(128) if c in punctuation - category_p}
    assert ascii_extra == set(map(ord, "$+<=>^`|~")), ascii_extra
    table(
        "CodePointRange",
        "punctuation_beyond_category",
        range_rows(punctuation - category_p - ascii_extra),
        "Punctuation for the pre-tokenizer of that name, but not in Oniguruma's category P.",
    )
    table(
        "CodePointRange",
        "category_beyond_punctuation",
        range_rows(category_p - punctuation),
        "In Oniguruma's category P, but not punctuation for the pre-tokenizer of that name.",
    )

    u8 = Utf8proc()
    lower = []
    run = None
    for c in CODE_POINTS:
        theirs = normalizers.Lowercase().normalize_str(chr(c))
        if theirs == chr(u8.lib.utf8proc_tolower(c)):
            continue
        if c == 0x130:
            continue  # the only one that becomes two characters
        assert len(theirs) == 1, hex(c)
        delta = ord(theirs) - c
        if run and run[1] == c - 1 and run[2] == delta:
            run[1] = c
        else:
            run = [c, c, delta]
            lower.append(run)
    table(
        "CaseRange",
        "lower_case_after_utf8proc",
        ["{0x%X, 0x%X, %d}" % tuple(row) for row in lower],
        "Upper-case letters that utf8proc does not know, with the distance to their lower case.",
    )

    # A code point is opaque when the library's older normalisation does nothing with it although
    # utf8proc would: on its own, or between marks of a lower and a higher class, or as a second.
    stable, compose, decompose, compat = 1 << 1, 1 << 3, 1 << 4, 1 << 2
    nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
    opaque = set()
    for c in CODE_POINTS:
        if unicodedata.category(chr(c)) == "Cn" and c not in newer_points(newer):
            continue
        for text in (chr(c), "a\u0345" + chr(c), "a" + chr(c) + "\u0334"):
            if nfd.normalize_str(text) != u8.normal(text, stable | decompose) or (
                nfkd.normalize_str(text) != u8.normal(text, stable | decompose | compat)
            ):
                opaque.add(c)
                break
    for c in list(opaque):  # both halves of a composition that the library does not know
        whole = u8.normal(chr(c), stable | decompose)
        if len(whole) == 2 and u8.normal(whole, stable | compose) == chr(c):
            opaque.update(map(ord, whole))
    table(
        "CodePointRange",
        "opaque_to_normalization",
        range_rows(opaque),
        "Younger than the library's normalisation tables: passed through, class 0.",
    )

    with open(OUT, "w", encoding="utf-8") as file:
        file.write(
            "// Written by tests/parity/make_unicode_tables.py from tokenizers "
            + tokenizers.__version__
            + ", Unicode 14.0.0 and\n// utf8proc "
            + ctypes.cast(u8.lib.utf8proc_version, ctypes.CFUNCTYPE(ctypes.c_char_p))().decode()
            + ". Do not edit.\n"
            + '#include "policy/tokenizer/unicode_tables.h"\n\n'
            + "namespace retort {\n\n// clang-format off\n"
            + "\n".join(lines)
            + "// clang-format on\n\n}  // namespace retort\n"
        )


def write_case_table():
    rows = [
        '{0x%X, "%s", "%s"}' % (c, escaped(chr(c).upper()), escaped(chr(c).title()))
        for c in CODE_POINTS
        if len(chr(c).upper()) > 1 or len(chr(c).title()) > 1
    ]
    with open(CASE_OUT, "w", encoding="utf-8") as file:
        file.write(
            "// Written by tests/parity/make_unicode_tables.py from Python's Unicode 14.0.0. "
            "Do not edit.\n"
            '#include "policy/chat_template/case_table.h"\n\n'
            "namespace retort::python {\n\n// clang-format off\n"
            "const std::vector<LongCase>& long_cases() {\n"
            "  static const std::vector<LongCase> kRows = {\n"
        )
        for row in rows:
            file.write("      " + row + ",\n")
        file.write(
            "  };\n  return kRows;\n}\n// clang-format on\n\n}  // namespace retort::python\n"
        )


def escaped(text):
    return "".join(c if c.isascii() else "\\u%04X" % ord(c) for c in text)


_NEWER = set()


def newer_points(rows):
    if not _NEWER:
        for a, b, _ in rows:
            _NEWER.update(range(a, b + 1))
    return _NEWER


if __name__ == "__main__":
    main()
    write_case_table()
