#include "learner/packed_forward.h"

#include "base/check.h"

namespace retort {
namespace {

std::vector<float> to_host(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().cpu().contiguous();
  const auto* data = host.data_ptr<float>();
  return {data, data + host.numel()};
}

}  // namespace

PackedResult PackedForward::run(std::span<const TrainingSequence> sequences, double temperature) {
  std::vector<std::vector<int32_t>> fed;
  std::vector<int64_t> rows;
  std::vector<int32_t> targets, kept_ids;
  std::vector<int64_t> kept_begin;
  int64_t offset = 0;
  for (const TrainingSequence& sequence : sequences) {
    RT_CHECK_GE(sequence.tokens.size(), size_t{2})
        << "a training sequence needs a prompt and a completion";
    fed.emplace_back(sequence.tokens.begin(), sequence.tokens.end() - 1);
    for (const int32_t position : sequence.loss_positions) {
      rows.push_back(offset + position - 1);
      targets.push_back(sequence.tokens[position]);
    }
    if (!sequence.kept_begin.empty()) {
      if (kept_begin.empty()) kept_begin.push_back(0);
      for (size_t i = 1; i < sequence.kept_begin.size(); ++i)
        kept_begin.push_back(static_cast<int64_t>(kept_ids.size()) + sequence.kept_begin[i]);
      kept_ids.insert(kept_ids.end(), sequence.kept_ids.begin(), sequence.kept_ids.end());
    }
    offset += static_cast<int64_t>(fed.back().size());
  }
  const PackedSequences packed = pack_sequences(fed);
  if (scratch_.pages < packed.pages) {
    const int64_t pages = packed.pages + packed.pages / 4;
    Weights one_layer = policy_.weights();
    one_layer.layers.resize(1);
    scratch_ = make_kv_cache(one_layer, pages);
    scratch_.layers.resize(policy_.weights().layers.size(), scratch_.layers.front());
  }
  const at::Tensor hidden_RD = policy_.select(policy_.hidden(packed.tokens, scratch_), rows);
  PackedResult result;
  result.head = policy_.logprob(hidden_RD, targets, temperature, kept_ids, kept_begin);
  result.logp = to_host(result.head.logp_T);
  result.entropy = to_host(result.head.entropy_T);
  return result;
}

}  // namespace retort
