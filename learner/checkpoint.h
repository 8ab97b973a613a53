#pragma once
// Checkpoints of a run: checkpoints/step_N/ is a Hugging Face directory with trainer/ beside the
// weights.
//
//   step_N/{config.json, model.safetensors, tokenizer…, generation_config.json}
//   step_N/trainer/state.safetensors   fp32 masters, AdamW's moments
//   step_N/trainer/reference.safetensors   the reference, where it is refreshed
//   step_N/trainer/state.json          TrainerState
//   step_N/trainer/interim             empty, in an interim one
//   step_N/complete                    written last
// Written as step_N.partial, synced, renamed, then `complete`: a directory without it is no
// checkpoint.
#include "learner/optimizer.h"
#include "learner/reference.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retort {

struct TrainerState {
  int64_t step = 0;          // steps done
  int64_t updates = 0;       // AdamW's t
  uint64_t task_cursor = 0;  // tasks/curriculum.h
  uint64_t task_rows = 0;    // digest of the rows that the cursor walks, of the same
  double time_s = 0;         // training seconds so far, evaluation excluded
  // What checkpoints/best points to, with its value of train.best_metric.
  std::optional<int64_t> best_step;
  std::optional<double> best_value;
  // Saved because the run was interrupted, not because a checkpoint was due: it goes when a newer
  // one stands, so that an interrupted run ends with the checkpoints of an uninterrupted one.
  bool interim = false;
};

// Writes checkpoints/step_N of `run_dir` for state.step. `source_dir` gives the tokenizer's files.
// `reference` is null unless it is refreshed: a frozen one is the base.
void save_checkpoint(const std::string& run_dir, const Policy& policy, Optimizer& optimizer,
                     Reference* reference, const TrainerState& state,
                     const std::string& source_dir);

// Steps of the complete checkpoints of a run, ascending.
std::vector<int64_t> checkpoint_steps(const std::string& run_dir);
std::string checkpoint_dir(const std::string& run_dir, int64_t step);

// trainer/state.json of a checkpoint. UserError when it is damaged, or of another step.
TrainerState read_trainer_state(const std::string& checkpoint);

// Reads trainer/ of a checkpoint into the optimiser (and so the policy) and the reference, null as
// above. UserError when it does not fit the model.
TrainerState load_trainer_state(const std::string& checkpoint, Optimizer& optimizer,
                                Reference* reference);

// checkpoints/best -> step_N. Nothing when it is that already.
void link_best(const std::string& run_dir, int64_t step);
// Keeps the newest `keep_last` that were due, the one checkpoints/best points to, and an interim
// one where it is the newest of all. Removes the others and partial ones.
void prune_checkpoints(const std::string& run_dir, int64_t keep_last);

}  // namespace retort
