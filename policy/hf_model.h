#pragma once
// A Hugging Face model directory as Weights, and back.
#include "base/record/version.h"
#include "policy/weights.h"

#include <string>

namespace retort {

// The directory a model argument means: a Hugging Face directory itself, a run's
// checkpoints/step_N, or a run directory (its best checkpoint, else its newest). UserError at
// `place` when it is none of them.
std::string resolve_model_dir(const std::string& path, const std::string& place);

// fp32 weights on the CPU, not packed. Every tensor of the configuration must be there with its
// shape; a tensor that the configuration does not know is a UserError too (silent wrong weights are
// the worst failure of all).
Weights load_weights(const std::string& dir);

// Writes config.json, model.safetensors (fp32), generation_config.json, and the tokenizer's files
// copied from `source_dir`. `dir` must exist.
void write_hf_model(const std::string& dir, const Weights& weights, const std::string& source_dir);

// The Version that computes with these weights: digest over the Hugging Face tensors sorted by
// name.
Version make_version(const Weights& weights, uint32_t number);
// The same without number and digest: numerics and the table of tensors.
Version describe_version(const Weights& weights);

}  // namespace retort
