#pragma once
// The tensors that a decoder of a given config is made of: names as in Hugging Face checkpoints,
// shapes [out, in] for matrices.
#include "policy/checkpoint/hf_weights.h"
#include "policy/checkpoint/model_config.h"

#include <string>
#include <vector>

namespace retort {

struct NamedShape {
  std::string name;
  Shape shape;
};

inline constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
inline constexpr const char* kHeadName = "lm_head.weight";

// "model.layers.LAYER.PART", e.g. part "self_attn.q_proj.weight".
std::string layer_tensor_name(int64_t layer, const std::string& part);

// Embedding, layers in order, final norm, and the head unless it is tied.
std::vector<NamedShape> decoder_tensors(const ModelConfig& config);

// Where embedding and head of a checkpoint come from, as Transformers ties them: with tied
// embeddings one of the two tensors is enough, two equal ones are one, two different ones stay two.
struct HeadSource {
  bool tied = false;
  std::string embedding = kEmbeddingName;  // also the head's when tied
  std::string head = kHeadName;
};
HeadSource find_head_source(const ModelConfig& config, const HfWeights& weights);

// UserError unless `weights` holds every tensor of the config in its shape and float dtype, and no
// tensor that the config has no place for (buffers of old checkpoints and a tied head's copy are no
// mistake).
void check_decoder_tensors(const ModelConfig& config, const HfWeights& weights);

}  // namespace retort
