#include "tools/retort/sft_data.h"

#include "base/error.h"
#include "learner/sft.h"
#include "tasks/draw_stream.h"
#include "tasks/trace.h"
#include "tools/retort/sft_rows.h"

#include <xxhash.h>

#include <algorithm>
#include <numeric>

namespace retort {

SftData::SftData(const SftConfig& config, const PromptCodec& codec, int64_t max_positions)
    : config_(config), codec_(codec) {
  const SftSection& sft = config.sft;
  if (codec.eos_ids().empty())
    throw UserError("[model.path]", "the model names no end of text",
                    "set eos_token_id in its generation_config.json");
  const int64_t limit =
      sft.max_tokens > 0 ? std::min(sft.max_tokens, max_positions) : max_positions;
  if (is_trace_spec(sft.data))
    traces_ = std::make_unique<Curriculum>(parse_trace_spec(sft.data, "[sft.data]"), TaskOptions(),
                                           config.run.seed);
  else
    rows_ = read_sft_rows(sft.data, "[sft.data]", sft, codec, limit);
  if (!sft.eval_data.empty())
    held_out_ = read_sft_rows(sft.eval_data, "[sft.eval_data]", sft, codec, limit);
}

TrainingSequence SftData::trace_sequence(uint64_t cursor, double worked_share) {
  const Trace trace = trace_at(*traces_, cursor, worked_share);
  std::vector<int32_t> completion = codec_.tokenizer().encode(trace.completion, false);
  completion.push_back(codec_.eos_ids().front());
  return sft_sequence(codec_.encode(trace.task), completion);
}

const TrainingSequence& SftData::row_at(uint64_t cursor) {
  const uint64_t epoch = cursor / rows_.size();
  if (order_.empty() || epoch != epoch_) {
    epoch_ = epoch;
    order_.resize(rows_.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    PhiloxStream stream = epoch_stream(config_.run.seed, epoch, 0);
    stream.shuffle(order_);
  }
  return rows_[order_[cursor % rows_.size()]];
}

uint64_t SftData::rows_digest() const {
  if (traces_) return 0;
  std::vector<uint64_t> digests;
  const auto add = [&](const auto& values) {
    digests.push_back(XXH3_64bits(values.data(), values.size() * sizeof(values[0])));
  };
  for (const TrainingSequence& row : rows_) {
    add(row.tokens);
    add(row.loss_positions);
  }
  return XXH3_64bits(digests.data(), digests.size() * sizeof(uint64_t));
}

std::vector<TrainingSequence> SftData::batch(int64_t step) {
  const SftSection& sft = config_.sft;
  const double share = static_cast<double>(step) / static_cast<double>(sft.steps);
  size_t phase = 0;
  while (share >= sft.phases[phase].until) ++phase;
  std::vector<TrainingSequence> batch;
  int64_t tokens = 0;
  for (int64_t i = 0; i < sft.sequences_per_step; ++i) {
    const auto cursor = static_cast<uint64_t>(step * sft.sequences_per_step + i);
    batch.push_back(traces_ ? trace_sequence(cursor, sft.phases[phase].worked_share)
                            : row_at(cursor));
    tokens += static_cast<int64_t>(batch.back().loss_positions.size());
  }
  const double normaliser =
      sft.tokens_per_sequence > 0
          ? static_cast<double>(sft.sequences_per_step) * sft.tokens_per_sequence
          : static_cast<double>(tokens);
  for (TrainingSequence& sequence : batch) sequence.normaliser = normaliser;
  return batch;
}

}  // namespace retort
