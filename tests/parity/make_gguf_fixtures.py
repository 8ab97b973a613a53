"""Writes gguf/: small GGUF files and what Transformers and the tokenizers library make of them.

Developer-only. usage: python make_gguf_fixtures.py [SmolLM2-135M-Instruct.Q4_1.gguf]
tied.gguf holds all five tensor types under a tied head; untied.gguf has a head of its own, biases, linear
rotary scaling and more heads' dims than hidden ones. NAME.json has the XXH3-128 of every tensor's fp32
bytes as Transformers' GGUF loader gives it, and tokenizer.json as the tokenizers library writes it. With
the argument smollm2-135m-instruct.json is written too (the tokenizer as the XXH3-128 of its sorted JSON).
"""
import json
import os
import shutil
import sys
import tempfile

import gguf
import numpy as np
import tokenizers
import torch
import transformers
import xxhash
from gguf import GGMLQuantizationType as T
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM

transformers.logging.set_verbosity_error()
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gguf")
TEMPLATE = "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}é{% endfor %}"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def vocabulary(rows):
    letters = list("etaoinshrdlu0123456789.,!?") + ["Ġ", "Ċ", "Ã", "©"]
    merges = [("t", "h"), ("Ġ", "t"), ("th", "e"), ("Ġt", "h"), ("i", "n"), ("Ã", "©"), ("Ġ", "a"), ("a", "n")]
    tokens = SPECIAL + letters
    tokens += [a + b for a, b in merges if a + b not in tokens]
    tokens.append("<|user|>")
    types = [3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL) - 1) + [4]
    assert len(tokens) <= rows, len(tokens)
    return tokens, types, [f"{a} {b}" for a, b in merges]


def permuted(weight, heads):
    """llama.cpp's order of the rows of q and k."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def write_small(path, tied):
    rng = np.random.default_rng(7 if tied else 8)
    hidden, ffn, layers, heads, kv, rows = 32, 64, 1, 4, 2, 48
    head_dim = 8 if tied else 16
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(rows)
    if not tied:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(2.0)
    tokens, types, merges = vocabulary(rows)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def add(name, shape, kind, heads_of_rows=0):
        values = rng.standard_normal(shape).astype(np.float32)
        if heads_of_rows:
            values = permuted(values, heads_of_rows)
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", (rows, hidden), T.Q8_0)
    add("output_norm.weight", (hidden,), T.F32)
    if not tied:
        add("output.weight", (rows, hidden), T.F16)
    query, key = heads * head_dim, kv * head_dim
    for kind, name, shape, perm in [
            (T.F32, "attn_norm.weight", (hidden,), 0), (T.F32, "ffn_norm.weight", (hidden,), 0),
            (T.Q4_1, "attn_q.weight", (query, hidden), heads), (T.F16, "attn_k.weight", (key, hidden), kv),
            (T.BF16, "attn_v.weight", (key, hidden), 0), (T.Q4_1, "attn_output.weight", (hidden, query), 0),
            (T.Q4_1, "ffn_gate.weight", (ffn, hidden), 0), (T.Q8_0, "ffn_up.weight", (ffn, hidden), 0),
            (T.F32 if tied else T.BF16, "ffn_down.weight", (hidden, ffn), 0)]:
        add(f"blk.0.{name}", shape, kind, perm)
    if not tied:
        for name, size, perm in [("attn_q", query, heads), ("attn_k", key, kv), ("attn_v", key, 0),
                                 ("attn_output", hidden, 0)]:
            add(f"blk.0.{name}.bias", (size,), T.F32, perm)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def metadata(path):
    fields = gguf.GGUFReader(path).fields
    return lambda key: fields[key].contents() if key in fields else None


def tokenizer_text(path):
    get = metadata(path)
    tokens, types = get("tokenizer.ggml.tokens"), get("tokenizer.ggml.token_type")
    merges = [tuple(m.split(" ")) for m in get("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges, unk_token=None, fuse_unk=False,
                                     byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, y in zip(tokens, types) if y == 3])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t, y in zip(tokens, types) if y == 4])
    return tokenizer.to_str()


def digests(path, bias):
    """Tensors of Transformers' own loader; biases are there only when the configuration says so."""
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.basename(path)
        os.symlink(os.path.abspath(path), os.path.join(directory, name))
        keys = dict(attention_bias=True) if bias else {}
        model = AutoModelForCausalLM.from_pretrained(directory, gguf_file=name, dtype=torch.float32, **keys)
    result = {}
    for key, parameter in sorted(model.named_parameters()):
        data = parameter.detach().contiguous()
        assert data.dtype == torch.float32
        result[key] = dict(shape=list(data.shape), xxh3_128=xxhash.xxh3_128(data.numpy().tobytes()).hexdigest())
    return result


def versions():
    return dict(transformers=transformers.__version__, gguf="0.19.0", tokenizers=tokenizers.__version__,
                torch=torch.__version__)


def main():
    if len(sys.argv) == 1:
        shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE, exist_ok=True)
    for name, tied in [("tied", True), ("untied", False)]:
        path = os.path.join(HERE, name + ".gguf")
        write_small(path, tied)
        want = dict(versions=versions(), tensors=digests(path, not tied), tokenizer=json.loads(tokenizer_text(path)),
                    chat_template=TEMPLATE)
        with open(os.path.join(HERE, name + ".json"), "w") as out:
            json.dump(want, out, ensure_ascii=False, separators=(",", ":"))
            out.write("\n")
    if len(sys.argv) > 1:
        tokenizer = json.dumps(json.loads(tokenizer_text(sys.argv[1])), ensure_ascii=False, sort_keys=True,
                               separators=(",", ":")).encode()
        want = dict(versions=versions(), tensors=digests(sys.argv[1], False),
                    tokenizer_xxh3_128=xxhash.xxh3_128(tokenizer).hexdigest(),
                    chat_template=metadata(sys.argv[1])("tokenizer.chat_template"))
        with open(os.path.join(HERE, "smollm2-135m-instruct.json"), "w") as out:
            json.dump(want, out, ensure_ascii=False, separators=(",", ":"))
            out.write("\n")
    print({f: os.path.getsize(os.path.join(HERE, f)) for f in sorted(os.listdir(HERE))})


if __name__ == "__main__":
    main()
