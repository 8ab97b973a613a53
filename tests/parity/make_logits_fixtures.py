"""Writes logits/CASE/: small random models of Transformers and the logits they give.

Developer-only. usage: python make_logits_fixtures.py
README.md says what a case holds. Weights are rounded to the dtype that they are stored in before the
logits are computed in fp32, so that a reader which loads exactly has the same weights.
"""
import json
import os
import shutil

import safetensors
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "logits")

SMALL = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
NAMES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
SHORT, LONG = [1, 2, 9, 33], [1, 17, 80]

# name: (model_type, keys of config.json, dtypes of the tensors in turn, lengths of sequences, shards)
CASES = {
    "llama_default": ("llama", dict(rms_norm_eps=1e-5, rope_theta=100000.0, torch_dtype="float32"),
                      ["float32"], SHORT, 1),
    "llama_tied_bf16": ("llama", dict(tie_word_embeddings=True, num_attention_heads=9, num_key_value_heads=3,
                                      hidden_size=36, rope_parameters=dict(rope_theta=10000.0, rope_type="default"),
                                      dtype="bfloat16"), ["bfloat16"], SHORT, 1),
    "llama_biases_mixed": ("llama", dict(attention_bias=True, mlp_bias=True, head_dim=16),
                           ["bfloat16", "float16", "float32"], SHORT, 1),
    "llama_sharded": ("llama", dict(num_key_value_heads=1, num_hidden_layers=3), ["bfloat16"], SHORT, 3),
    "llama_linear": ("llama", dict(rope_scaling=dict(type="linear", factor=2.5), num_key_value_heads=4),
                     ["float16"], LONG, 1),
    "llama_dynamic": ("llama", dict(rope_scaling=dict(type="dynamic", factor=2.0), max_position_embeddings=80),
                      ["float16"], LONG, 1),
    "llama_llama3": ("llama", dict(rope_scaling=LLAMA3, rope_theta=500000.0, head_dim=64, tie_word_embeddings=True),
                     ["bfloat16"], LONG, 1),
    "llama_yarn": ("llama", dict(rope_scaling=YARN, head_dim=32), ["bfloat16"], LONG, 1),
    "qwen2_default": ("qwen2", dict(rope_theta=1000000.0, use_sliding_window=False, sliding_window=4,
                                    max_window_layers=1, torch_dtype="bfloat16"), ["bfloat16"], SHORT, 1),
    "qwen2_tied_yarn": ("qwen2", dict(tie_word_embeddings=True, num_key_value_heads=1, rope_scaling=dict(
        YARN, mscale=0.707, mscale_all_dim=1.0)), ["float16"], LONG, 1),
    "qwen3_tied": ("qwen3", dict(tie_word_embeddings=True, head_dim=16, rope_theta=1000000.0), ["bfloat16"], SHORT, 1),
    "qwen3_bias_linear": ("qwen3", dict(head_dim=24, attention_bias=True, rope_parameters=dict(
        rope_type="linear", factor=4.0, rope_theta=5000.0), num_key_value_heads=4), ["float32", "bfloat16"], LONG, 1),
    "qwen3_yarn": ("qwen3", dict(head_dim=32, rope_parameters=dict(YARN, rope_theta=10000.0, beta_fast=16)),
                   ["float16"], LONG, 1),
}


def randomise(model, generator):
    """Weights large enough that logits differ by more than rounding, norms and biases away from 1 and 0."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 2:
            fan_in = parameter.shape[1] if "embed_tokens" not in name else 1
            parameter.data = noise * (1.2 / fan_in ** 0.5)
        elif name.endswith("norm.weight"):
            parameter.data = 1 + 0.3 * noise
        else:
            parameter.data = 0.3 * noise


def write_case(name, model_type, keys, dtypes, lengths, shards):
    directory = os.path.join(HERE, name)
    os.makedirs(directory)
    config = dict(architectures=[NAMES[model_type]], model_type=model_type, **{**SMALL, **keys})
    with open(os.path.join(directory, "config.json"), "w") as out:
        json.dump(config, out, indent=1)
        out.write("\n")
    loaded = AutoConfig.from_pretrained(directory)
    model = AutoModelForCausalLM.from_config(loaded, dtype=torch.float32, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(sum(name.encode()))
    randomise(model, generator)
    tensors = {}
    for i, (key, parameter) in enumerate(sorted(model.named_parameters())):
        tensors[key] = parameter.data.to(getattr(torch, dtypes[i % len(dtypes)])).contiguous()
        parameter.data = tensors[key].float()
    names = sorted(tensors)
    if shards == 1:
        save_file(tensors, os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})
    else:
        weight_map = {}
        for shard in range(shards):
            file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
            part = names[shard::shards]
            save_file({k: tensors[k] for k in part}, os.path.join(directory, file), metadata={"format": "pt"})
            weight_map.update({k: file for k in part})
        size = sum(t.numel() * t.element_size() for t in tensors.values())
        with open(os.path.join(directory, "model.safetensors.index.json"), "w") as out:
            json.dump(dict(metadata=dict(total_size=size), weight_map=dict(sorted(weight_map.items()))), out, indent=1)
            out.write("\n")
    # The files are what the logits belong to: read them back through Transformers.
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    logits = {}
    with open(os.path.join(directory, "tokens.jsonl"), "w") as out:
        for i, length in enumerate(lengths):
            tokens = torch.randint(0, config["vocab_size"], (1, length), generator=generator)
            out.write(json.dumps(dict(tokens=tokens[0].tolist()), separators=(",", ":")) + "\n")
            with torch.no_grad():
                logits[str(i)] = model(tokens).logits[0].float().contiguous()
    save_file(logits, os.path.join(directory, "logits.safetensors"), metadata=dict(
        format="pt", transformers=transformers.__version__, torch=torch.__version__,
        safetensors=safetensors.__version__))


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    for name, case in CASES.items():
        write_case(name, *case)
    total = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(HERE) for f in files)
    print(len(CASES), "cases", total, "bytes")


if __name__ == "__main__":
    main()
