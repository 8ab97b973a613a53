"""Writes model_config/cases.jsonl: what Transformers makes of config.json files.

Developer-only. usage: python make_config_fixtures.py
A line has `config` (and `generation`), and `want`: sizes, names and shapes of the
parameters (of layer 0 and those outside layers), the ids that
end a text, rotary frequencies (fp32 bits) and rows of the cos and sin tables. The first line has versions.
"""
import json
import os
import tempfile
import warnings

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()

SMALL = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2)
NAMES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def small(model_type, drop=(), **keys):
    config = dict(architectures=[NAMES[model_type]], model_type=model_type, **SMALL)
    config.update(keys)
    return {k: v for k, v in config.items() if k not in drop}


LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
CASES = {
    "llama_plain": small("llama"),
    "llama_no_model_type_keys": small("llama", drop=["num_key_value_heads"]),
    "llama_null_kv": small("llama", num_key_value_heads=None, head_dim=None),
    "llama_head_dim": small("llama", head_dim=16),
    "llama_biases": small("llama", attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    "llama_swish": small("llama", hidden_act="swish", rms_norm_eps=1e-5, pad_token_id=-1),
    "llama_old_theta": small("llama", rope_theta=500000.0, torch_dtype="bfloat16"),
    "llama_new_theta": small("llama", rope_parameters=dict(rope_theta=1000000, rope_type="default"), dtype="float16"),
    "llama_both_dtypes": small("llama", dtype="float32", torch_dtype="bfloat16"),
    "llama_theta_in_both": small("llama", rope_theta=500.0, rope_parameters=dict(rope_theta=70000.0)),
    "llama_scaling_wins": small("llama", rope_scaling=dict(type="linear", factor=2.0), rope_theta=777.0,
                                rope_parameters=dict(rope_type="default", rope_theta=5000.0)),
    "llama_empty_scaling": small("llama", rope_scaling={}, rope_parameters=dict(rope_type="linear", factor=3)),
    "llama_null_scaling": small("llama", rope_scaling=None, rope_theta=1234.5),
    "llama_linear_type": small("llama", rope_scaling=dict(type="linear", factor=2.5)),
    "llama_dynamic": small("llama", rope_scaling=dict(type="dynamic", factor=2.0), max_position_embeddings=64),
    "llama_dynamic_odd_factor": small("llama", rope_scaling=dict(rope_type="dynamic", factor=1.1),
                                      max_position_embeddings=77, head_dim=24),
    "llama_llama3": small("llama", rope_scaling=LLAMA3, rope_theta=500000.0, max_position_embeddings=512,
                          head_dim=64),
    "llama_llama3_new": small("llama", rope_parameters=dict(LLAMA3, rope_theta=10000.0),
                              max_position_embeddings=512, head_dim=128),
    "llama_llama3_real": small("llama", head_dim=128, max_position_embeddings=131072, rope_theta=500000.0,
                               rope_scaling=dict(factor=32.0, high_freq_factor=4.0, low_freq_factor=1.0,
                                                 original_max_position_embeddings=8192, rope_type="llama3")),
    "llama_llama3_top_level_original": small("llama", rope_scaling=LLAMA3, head_dim=64,
                                             original_max_position_embeddings=96, max_position_embeddings=512),
    "llama_llama3_no_original": small("llama", max_position_embeddings=256, head_dim=64, rope_scaling={
        k: v for k, v in LLAMA3.items() if k != "original_max_position_embeddings"}),
    "llama_yarn": small("llama", rope_scaling=YARN, max_position_embeddings=128, head_dim=32),
    "llama_yarn_null_factor": small("llama", rope_scaling=dict(YARN, factor=None), max_position_embeddings=160),
    "llama_yarn_attention": small("llama", rope_scaling=dict(YARN, attention_factor=0.75), head_dim=64),
    "llama_yarn_mscale": small("llama", rope_scaling=dict(YARN, mscale=0.707, mscale_all_dim=1.0, factor=40.0),
                               head_dim=64),
    "llama_yarn_one_mscale": small("llama", rope_scaling=dict(YARN, mscale=0.707, mscale_all_dim=0), head_dim=64),
    "llama_yarn_betas": small("llama", rope_scaling=dict(YARN, beta_fast=8, beta_slow=2), head_dim=64),
    "llama_yarn_zero_beta": small("llama", rope_scaling=dict(YARN, beta_fast=0, beta_slow=0.0), head_dim=64),
    "llama_yarn_no_truncate": small("llama", rope_scaling=dict(YARN, truncate=False, beta_fast=4), head_dim=64),
    "llama_yarn_same_borders": small("llama", rope_scaling=dict(YARN, beta_fast=1, beta_slow=1, truncate=False),
                                     head_dim=64),
    "llama_default_ignores_partial": small("llama", partial_rotary_factor=0.5),
    "llama_smollm2": dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=576,
                          intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                          num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True, rope_theta=100000,
                          max_position_embeddings=8192, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2),
    "llama_all_defaults": dict(model_type="llama"),
    "qwen2_plain": small("qwen2"),
    "qwen2_flags_ignored": small("qwen2", attention_bias=False, mlp_bias=True),
    "qwen2_head_dim": small("qwen2", head_dim=12, hidden_size=40),
    "qwen2_null_kv": small("qwen2", num_key_value_heads=None),
    "qwen2_no_window_used": small("qwen2", use_sliding_window=False, sliding_window=16, max_window_layers=1),
    "qwen2_window_beyond_layers": small("qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=2),
    "qwen2_window_null": small("qwen2", use_sliding_window=True, sliding_window=None, max_window_layers=0),
    "qwen2_layer_types": small("qwen2", layer_types=["full_attention", "full_attention"]),
    "qwen2_yarn": small("qwen2", rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=32768),
                        rope_theta=1000000.0, max_position_embeddings=131072, head_dim=128),
    "qwen3_plain": small("qwen3"),
    "qwen3_head_dim": small("qwen3", head_dim=16, attention_bias=True),
    "qwen3_mlp_bias_ignored": small("qwen3", head_dim=16, mlp_bias=True, tie_word_embeddings=True),
    "qwen3_default_kv": small("qwen3", drop=["num_key_value_heads"], num_attention_heads=64, head_dim=2),
    "qwen3_no_architectures": small("qwen3", drop=["architectures"], head_dim=8),
}
GENERATION = {
    "llama_plain": dict(eos_token_id=[5, 7, 5], bos_token_id=3),
    "llama_biases": dict(eos_token_id=9, temperature=0.6),
    "qwen2_plain": dict(eos_token_id=[1]),
    "qwen3_plain": dict(top_p=0.9),
}
REFUSED = {  # by both; the second value is a part of the message wanted
    "heads_do_not_divide": (small("llama", num_attention_heads=5, num_key_value_heads=5), "hidden_size"),
    "hidden_indivisible_despite_head_dim": (small("llama", hidden_size=30, head_dim=8), "hidden_size"),
    "qwen3_null_head_dim": (small("qwen3", head_dim=None), "head_dim"),
    "text_for_a_size": (small("llama", hidden_size="32"), "hidden_size"),
    "fraction_for_a_size": (small("llama", hidden_size=32.5), "hidden_size"),
    "null_for_a_size": (small("llama", vocab_size=None), "vocab_size"),
    "text_for_a_flag": (small("llama", tie_word_embeddings="true"), "tie_word_embeddings"),
    "linear_without_factor": (small("llama", rope_scaling=dict(type="linear")), "factor"),
    "yarn_without_factor": (small("llama", rope_scaling=dict(type="yarn")), "factor"),
    "llama3_without_low": (small("llama", rope_scaling=dict(rope_type="llama3", factor=2.0, high_freq_factor=4.0)),
                           "low_freq_factor"),
    "unknown_rope": (small("llama", rope_scaling=dict(rope_type="nonesuch", factor=2.0)), "rope_type"),
    "parameters_by_layer_type": (small("qwen3", rope_parameters=dict(full_attention=dict(rope_type="default"))),
                                 "full_attention"),
    "too_few_layer_types": (small("qwen2", layer_types=["full_attention"]), "layer_types"),
}


def bits(tensor):
    return tensor.float().contiguous().view(torch.int32).tolist()


def load(directory, config, generation=None):
    with open(os.path.join(directory, "config.json"), "w") as out:
        json.dump(config, out)
    path = os.path.join(directory, "generation_config.json")
    if os.path.exists(path):
        os.remove(path)
    if generation is not None:
        with open(path, "w") as out:
            json.dump(generation, out)
    loaded = AutoConfig.from_pretrained(directory)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(loaded)
    rotary = type(model.model.rotary_emb)(loaded)
    return loaded, model, rotary


def want(directory, config, generation):
    loaded, model, rotary = load(directory, config, generation)
    attention = model.model.layers[0].self_attn
    try:
        ends = GenerationConfig.from_pretrained(directory).eos_token_id
    except OSError:
        ends = None
    if ends is None:
        ends = loaded.eos_token_id
    ends = [] if ends is None else ends if isinstance(ends, list) else [ends]
    limit = loaded.max_position_embeddings
    positions = sorted({0, 1, min(63, limit - 1), limit - 1})
    cos, sin = rotary(torch.zeros(1, dtype=torch.float32), torch.tensor([positions]))
    half = rotary.inv_freq.numel()
    parameters = {name: list(p.shape) for name, p in model.named_parameters()
                  if ".layers." not in name or ".layers.0." in name}
    return dict(
        layers=loaded.num_hidden_layers, heads=loaded.num_attention_heads, kv_heads=loaded.num_key_value_heads,
        head_dim=attention.head_dim, max_position_embeddings=limit, rms_norm_eps=loaded.rms_norm_eps,
        tie=loaded.tie_word_embeddings, dtype=str(loaded.dtype).replace("torch.", "") if loaded.dtype else "",
        eos=list(dict.fromkeys(ends)), parameters=parameters, inv_freq=bits(rotary.inv_freq),
        attention_factor=float(rotary.attention_scaling), positions=positions,
        cos=bits(cos[0, :, :half]), sin=bits(sin[0, :, :half]))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    os.makedirs(os.path.join(here, "model_config"), exist_ok=True)
    lines = [dict(versions=dict(transformers=transformers.__version__, torch=torch.__version__))]
    with tempfile.TemporaryDirectory() as directory:
        for name, config in CASES.items():
            generation = GENERATION.get(name)
            lines.append(dict(name=name, config=config, generation=generation,
                              want=want(directory, config, generation)))
        for name, (config, message) in REFUSED.items():
            try:
                _, model, rotary = load(directory, config)
            except Exception:
                lines.append(dict(name=name, config=config, refused=message))
            else:
                raise SystemExit(f"{name}: Transformers loads it")
    with open(os.path.join(here, "model_config", "cases.jsonl"), "w") as out:
        for line in lines:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    print(len(lines) - 1, "cases", os.path.getsize(out.name), "bytes")


if __name__ == "__main__":
    main()
