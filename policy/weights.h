#pragma once
// Weights of the decoder, as the forward reads them and the learner trains them.
//
// Legend: V vocabulary, D hidden, F feed-forward, N query heads, KV key/value heads, H head
// dimension.
//
// Projections that read the same input are one matrix (q, k, v; gate, up): one product, and one
// consumer of each activation, so autograd never sums more than two gradients. Hugging Face's names
// are row ranges of these: hf_slices() is the one mapping, used to read, write and digest.
#include "kernels/parameter.h"
#include "policy/checkpoint/model_config.h"

#include <functional>
#include <string>
#include <vector>

namespace retort {

using kernels::Parameter;

struct LayerWeights {
  Parameter input_norm;          // [D]
  Parameter qkv;                 // [(N + 2 KV) H, D], rows q | k | v
  Parameter qkv_bias;            // [(N + 2 KV) H], undefined without biases
  Parameter q_norm;              // [H], undefined without q/k norm
  Parameter k_norm;              // [H]
  Parameter attention_out;       // [D, N H]
  Parameter attention_out_bias;  // [D], undefined without
  Parameter post_norm;           // [D]
  Parameter gate_up;             // [2 F, D], rows gate | up
  Parameter gate_up_bias;        // [2 F], undefined without
  Parameter down;                // [D, F]
  Parameter down_bias;           // [D], undefined without
};

struct Weights {
  ModelConfig config;
  Parameter embedding;  // [V, D]
  Parameter head;  // [V, D]; tied: the same value and packed tensors as `embedding`, its own grad
  Parameter final_norm;  // [D]
  std::vector<LayerWeights> layers;

  // Every defined parameter once, in a fixed order; a tied head is left out (it is `embedding`).
  void for_each(const std::function<void(Parameter&)>& visit);
  void for_each(const std::function<void(const Parameter&)>& visit) const;
  int64_t parameter_count() const;
  int64_t bytes() const;
};

// Rows [row, row + rows) of `parameter` are the Hugging Face tensor `name`.
struct HfSlice {
  std::string name;
  const Parameter* parameter;
  int64_t row;
  int64_t rows;
  std::vector<int64_t> shape;  // of the Hugging Face tensor
};
// All of them, in the order of the layers. An untied head is "lm_head.weight"; a tied one does not
// appear.
std::vector<HfSlice> hf_slices(const Weights& weights);
// The same sorted by name, the order of a Version's table.
std::vector<HfSlice> slices_by_name(const Weights& weights);
// The slice's rows as a tensor that shares the parameter's memory.
at::Tensor rows_of(const HfSlice& slice);

// Undefined values of the right names and shapes for `config`; fp32 on the CPU.
Weights allocate_weights(const ModelConfig& config);

// N(0, 1/sqrt(fan_in)); attention-out and down additionally / sqrt(2 layers); embedding and head
// N(0, 0.02); norms 1, biases 0. Philox purpose initialisation, counter (parameter index, ·, ·):
// bits depend on seed and shapes only.
void initialise_weights(Weights& weights, uint32_t seed);

// Refreshes every packed form; call after the values changed.
void repack(Weights& weights);

// Copies every value to the device and dtype that a Version there computes with: "cuda" bf16.
Weights to_device(const Weights& masters, const std::string& device);

// The same values in memory of its own, ready for a forward, without gradients.
Weights copy_values(const Weights& weights);

}  // namespace retort
