#include "learner/sft.h"

#include "learner/backward.h"
#include "learner/loss/loss.h"

#include <ATen/core/grad_mode.h>

namespace retort {

TrainingSequence sft_sequence(const std::vector<int32_t>& prompt,
                              const std::vector<int32_t>& completion) {
  TrainingSequence sequence;
  sequence.tokens = prompt;
  sequence.tokens.insert(sequence.tokens.end(), completion.begin(), completion.end());
  for (size_t t = prompt.size(); t < sequence.tokens.size(); ++t)
    sequence.loss_positions.push_back(static_cast<int32_t>(t));
  return sequence;
}

double SftTrainer::loss(const std::vector<TrainingSequence>& sequences) {
  at::NoGradGuard no_grad;
  double sum = 0;
  int64_t tokens = 0;
  for (const SequenceRange& range : split_into_micro_batches(sequences, micro_batch_tokens_)) {
    const auto part = std::span(sequences).subspan(range.begin, range.end - range.begin);
    for (const float logp : forward_.run(part, 1.0).logp) {
      sum -= static_cast<double>(logp);
      ++tokens;
    }
  }
  return sum / static_cast<double>(tokens);
}

SftStep SftTrainer::step(const std::vector<TrainingSequence>& batch, double lr) {
  LossSums sums;
  for (const SequenceRange& range : split_into_micro_batches(batch, micro_batch_tokens_)) {
    const auto sequences = std::span(batch).subspan(range.begin, range.end - range.begin);
    const PackedResult result = forward_.run(sequences, 1.0);
    std::vector<float> dlogp(result.logp.size());
    size_t at = 0;
    for (const TrainingSequence& sequence : sequences) {
      const size_t count = sequence.loss_positions.size();
      likelihood_loss(std::span(result.logp).subspan(at, count), sequence.normaliser,
                      std::span(dlogp).subspan(at, count), sums);
      at += count;
    }
    backward(result.head, dlogp, {});
    optimizer_.collect_gradients();
  }
  return {sums.loss / static_cast<double>(sums.tokens), optimizer_.update(lr).grad_norm,
          sums.tokens};
}

}  // namespace retort
