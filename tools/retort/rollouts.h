#pragma once
// One step's samples: drawn tasks, their groups, their verdicts.
#include "learner/run_store.h"
#include "learner/scored_group.h"
#include "tools/retort/train_parts.h"

#include <cstdint>
#include <vector>

namespace retort {

struct Rollouts {
  std::vector<Task> tasks;          // in the order in which they were drawn: by index
  std::vector<ScoredGroup> groups;  // by index; those that were given up are left out
  size_t first_wave = 0;            // groups before any refill
  int64_t replaced = 0;             // groups given up
  std::vector<Decision> decisions;  // those of them that were given up now, not replayed
  double rollout_s = 0, reward_s = 0;
};

// Thrown where an interrupt finds samples waited for and nobody who could make them.
struct InterruptedAlone {};

// Draws prompts_per_step tasks, samples G of each through the channel and scores them; with
// zero_variance = "refill" goes on in waves of exactly the number of groups that were flat.
// Overlong prompts are left out or refused as the configuration says.
//
// A group that cannot be had gives way to the next task: one with a sample whose reward is
// infra_error, scored again for train.group_deadline_s, and one that is not complete when workers
// have given no sample for train.sample_deadline_s. That is a decision, which is not the same when
// a run is computed again. `replayed` are those that the step has in the run's record: they are
// taken as they are. UserError when more groups are given up than the step has prompts;
// InternalError when samples are missing and no worker is there. InterruptedAlone: nothing of the
// step has been recorded, and the curriculum's cursor is where the step began.
Rollouts roll_out(TrainParts& parts, int64_t step, const std::vector<Decision>& replayed);

// That the first step's tasks can be sampled and scored; UserError otherwise. Nothing is drawn.
void check_first_tasks(TrainParts& parts);

// The step's samples are in the run's record: their credits are free again.
void acknowledge(TrainParts& parts, int64_t step, const std::vector<ScoredGroup>& groups);

}  // namespace retort
