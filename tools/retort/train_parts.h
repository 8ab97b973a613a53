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
  std::vector<Sample> early;            // of later draws, from before this learner was started
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

// Longest prompt in tokens that a task may have. UserError when completions leave no room.
int64_t prompt_limit(const RunConfig& config, const Policy& policy);

// Held-out evaluation; `wide` adds pass@wide_samples on the first wide_prompts tasks.
struct HeldOut {
  EvaluationResult narrow;
  std::optional<EvaluationResult> wide;
};
HeldOut evaluate_held_out(const TrainParts& parts, bool wide);

}  // namespace retort
