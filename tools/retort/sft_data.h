#pragma once
// Batches of supervised fine-tuning: prompt and completion texts as training sequences.
#include "learner/batch.h"
#include "rollout/prompt_codec.h"
#include "tasks/curriculum.h"
#include "tools/retort/sft_config.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace retort {

class SftData {
 public:
  // Reads the files of sft.data; UserError naming file and line for a row that is no prompt and
  // completion.
  SftData(const SftConfig& config, const PromptCodec& codec);

  // The batch of a step (from 0): a function of the configuration and the step alone.
  std::vector<TrainingSequence> batch(int64_t step);

 private:
  std::string completion_at(uint64_t cursor, double worked_share, Task& task);

  const SftConfig& config_;
  const PromptCodec& codec_;
  bool traces_;
  std::unique_ptr<Curriculum> curriculum_;
};

}  // namespace retort
