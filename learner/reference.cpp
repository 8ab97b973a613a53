#include "learner/reference.h"

#include "base/check.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace retort {
Reference::Reference(const Policy& policy)
    : policy_(copy_values(policy.weights())), forward_(policy_) {}

void Reference::refresh(const Policy& policy) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> values;
  policy.weights().for_each(
      [&](const Parameter& parameter) { values.push_back(parameter.value.detach()); });
  size_t next = 0;
  policy_.weights().for_each([&](Parameter& parameter) { parameter.value.copy_(values[next++]); });
  RT_CHECK_EQ(next, values.size());
  values_changed();
}

void Reference::fill(std::vector<TrainingSequence>& sequences, double temperature,
                     int64_t micro_batch_tokens) {
  at::NoGradGuard no_grad;
  for (const SequenceRange& range : split_into_micro_batches(sequences, micro_batch_tokens)) {
    const auto part = std::span(sequences).subspan(static_cast<size_t>(range.begin),
                                                   static_cast<size_t>(range.end - range.begin));
    const PackedResult result = forward_.run(part, temperature);
    auto next = result.logp.begin();
    for (TrainingSequence& sequence : part) {
      const auto count = static_cast<std::ptrdiff_t>(sequence.loss_positions.size());
      sequence.reference_logprobs.assign(next, next + count);
      next += count;
    }
  }
}

void Reference::for_each_state(const std::function<void(const std::string&, at::Tensor&)>& visit) {
  policy_.weights().for_each(
      [&](Parameter& parameter) { visit("reference." + parameter.name, parameter.value); });
}

void Reference::values_changed() {
  if (!policy_.on_gpu()) repack(policy_.weights());
}

}  // namespace retort
