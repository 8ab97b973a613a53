#pragma once
// The parts of a training run, built from its configuration: what train.cpp's loop moves tasks,
// samples, verdicts and weights between.
#include "base/channel/channel.h"
#include "base/record/version.h"
#include "learner/checkpoint.h"
#include "learner/learner.h"
#include "rewards/score.h"
#include "rollout/worker.h"
#include "tasks/curriculum.h"
#include "tools/retort/evaluation.h"
#include "tools/retort/run_config.h"
#include "tools/retort/worker_pool.h"

#include <memory>
#include <string>
#include <vector>

namespace retort {

struct TrainParts {
  RunConfig config;
  LoadedModel model;
  std::vector<RewardSetting> reward_settings;
  std::unique_ptr<RewardSet> rewards;
  std::unique_ptr<Curriculum> curriculum;
  std::vector<Task> held_out;  // empty: no evaluation
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Reference> reference;  // null: no KL term
  std::unique_ptr<Learner> learner;
  std::unique_ptr<TaskSender> task_sender;
  std::unique_ptr<SampleReceiver> samples;
  std::unique_ptr<Worker> worker;       // null: workers are other processes
  std::unique_ptr<WorkerPool> workers;  // null: this process samples
  Version version;                      // that the policy's weights are
  // arithmetic the device can do in a second, measured when the parts are built
  double peak_flops = 0;
};

// Everything a user can get wrong is found here, before anything is written: files, tasks, rewards
// (their known answers too), lengths.
TrainParts build_train_parts(const RunConfig& config, const WorkerPlan& workers = {});

// What the engine of a run samples with.
EngineSettings rollout_settings(const RunConfig& config, const LoadedModel& model);

// parts.version becomes the policy's weights after `step`; workers can have it.
void publish(TrainParts& parts, int64_t step);

// Tokens sampled for these groups.
int64_t sampled_tokens(const std::vector<ScoredGroup>& groups);

// The tasks of a step and their groups, in the order in which they were drawn.
struct Rollouts {
  std::vector<Task> tasks;
  std::vector<ScoredGroup> groups;
  size_t first_wave = 0;  // groups before any refill
  double rollout_s = 0, reward_s = 0;
};

// Draws prompts_per_step tasks, samples G of each through the channel and scores them; with
// zero_variance = "refill" goes on in waves of exactly the number of groups that were flat.
// Overlong prompts are left out or refused as the configuration says.
Rollouts roll_out(TrainParts& parts, int64_t step);

// The step's samples are in the run's record: their credits are free again.
void acknowledge(TrainParts& parts, int64_t step, const std::vector<ScoredGroup>& groups);

// Held-out evaluation; `wide` adds pass@wide_samples on the first wide_prompts tasks.
struct HeldOut {
  EvaluationResult narrow;
  std::optional<EvaluationResult> wide;
};
HeldOut evaluate_held_out(const TrainParts& parts, bool wide);

}  // namespace retort
