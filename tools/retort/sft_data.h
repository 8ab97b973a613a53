#pragma once
// Batches of supervised fine-tuning.
#include "learner/batch.h"
#include "rollout/prompt_codec.h"
#include "tasks/curriculum.h"
#include "tools/retort/sft_config.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace retort {

class SftData {
 public:
  // Reads the files of sft.data and sft.eval_data whole; UserError naming file and line for a row
  // that cannot be learned from. `max_positions`: of the model.
  SftData(const SftConfig& config, const PromptCodec& codec, int64_t max_positions);

  // The batch of a step (from 0): a function of the configuration and the step alone. Files are
  // walked in shuffled epochs.
  std::vector<TrainingSequence> batch(int64_t step);

  // Of the rows that the files hold, tokens and mask; 0 for traces, which are drawn.
  uint64_t rows_digest() const;

  // The rows of sft.eval_data; empty without.
  const std::vector<TrainingSequence>& held_out() const { return held_out_; }

 private:
  TrainingSequence trace_sequence(uint64_t cursor, double worked_share);
  const TrainingSequence& row_at(uint64_t cursor);

  const SftConfig& config_;
  const PromptCodec& codec_;
  std::unique_ptr<Curriculum> traces_;  // null: files
  std::vector<TrainingSequence> rows_, held_out_;
  std::vector<size_t> order_;  // of rows_ in epoch_
  uint64_t epoch_ = 0;
};

}  // namespace retort
