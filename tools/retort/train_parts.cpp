#include "tools/retort/train_parts.h"

#include "base/channel/in_process.h"
#include "base/check.h"
#include "base/error.h"
#include "kernels/peak.h"
#include "policy/hf_model.h"
#include "tasks/evaluation_set.h"
#include "tools/retort/rollouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace retort {
namespace {

TaskOptions task_options(const TasksSection& tasks) {
  return {tasks.prompt_key, tasks.answer_key, tasks.system_prompt};
}

std::vector<RewardSetting> reward_settings(const std::vector<RewardSection>& sections) {
  std::vector<RewardSetting> settings;
  for (const RewardSection& section : sections) settings.push_back({section.name, section.weight});
  return settings;
}

double peak_flops(const Policy& policy) {
  return policy.on_gpu()
             ? kernels::cuda_peak_flops(policy.weights().embedding.value.device().index())
             : kernels::cpu_peak_flops();
}

// A name that no evaluation of this run has would leave checkpoints/best unset.
void check_best_metric(const RunConfig& config, const std::vector<Task>& held_out) {
  const std::string& name = config.train.best_metric;
  if (held_out.empty() || !name.starts_with("eval/")) return;
  std::set<std::string> families{"all"};
  for (const Task& task : held_out)
    families.insert(task.family.empty() ? task.source : task.family);
  const size_t begin = std::string_view("eval/").size();
  const std::string family = name.substr(begin, name.rfind('/') - begin);
  if (families.contains(family)) return;
  const std::vector<std::string> known(families.begin(), families.end());
  throw UserError("[train.best_metric]",
                  "got '" + name + "', and no held-out task is of '" + family + "'" +
                      did_you_mean(family, known),
                  "known: " + join(known));
}

// Groups of a step when every wave of a refill is as large as the first.
int64_t most_groups(const RunConfig& config) {
  const int64_t waves = config.learner.zero_variance == "refill" ? config.learner.refill_waves : 0;
  return config.train.prompts_per_step * (1 + waves);
}

}  // namespace

int64_t prompt_limit(const RunConfig& config, const Policy& policy) {
  const int64_t room = policy.config().max_position_embeddings - config.rollout.max_new_tokens;
  if (room < 1)
    throw UserError("[rollout.max_new_tokens]",
                    fmt::format("got {}, the model has {} positions", config.rollout.max_new_tokens,
                                policy.config().max_position_embeddings),
                    fmt::format("set it below {}", policy.config().max_position_embeddings));
  return config.tasks.max_prompt_tokens > 0 ? std::min(config.tasks.max_prompt_tokens, room) : room;
}

EngineSettings rollout_settings(const RunConfig& config, const LoadedModel& model) {
  const RolloutConfig& rollout = config.rollout;
  EngineSettings settings = engine_settings(model);
  settings.sampling = {rollout.temperature, rollout.top_k, rollout.top_p, config.run.seed,
                       Purpose::kSampling};
  settings.max_new_tokens = rollout.max_new_tokens;
  settings.stop = rollout.stop;
  settings.max_sequences = rollout.max_sequences;
  settings.max_batch_tokens = rollout.max_batch_tokens;
  settings.cache_bytes = rollout.cache_bytes;
  // The longest prompt is not known before it is drawn: room for 1024 tokens, or what the
  // configuration allows.
  settings.max_length =
      std::min<int64_t>(prompt_limit(config, *model.policy), 1024) + rollout.max_new_tokens;
  return settings;
}

TrainParts build_train_parts(const RunConfig& config, const WorkerPlan& workers) {
  TrainParts parts;
  parts.config = config;
  const TaskOptions options = task_options(config.tasks);
  parts.curriculum = std::make_unique<Curriculum>(
      parse_training_spec(config.tasks.train, "[tasks.train]"), options, config.run.seed);
  if (!config.tasks.eval.empty())
    parts.held_out =
        evaluation_tasks(parse_evaluation_spec(config.tasks.eval, "[tasks.eval]"), options);
  check_best_metric(config, parts.held_out);
  parts.reward_settings = reward_settings(config.rewards);
  parts.rewards = std::make_unique<RewardSet>(parts.reward_settings, "[rewards]");
  parts.rewards->self_test();

  set_cpu_threads(config.run.threads);
  parts.model = load_model(config.model.path, "[model.path]", config.run.device);
  Policy& policy = *parts.model.policy;
  parts.peak_flops = peak_flops(policy);
  parts.version = make_version(policy.weights(), 0);
  parts.optimizer = std::make_unique<Optimizer>(
      policy, config.learner, parts.model.masters ? &*parts.model.masters : nullptr);
  LearnerSettings settings;
  settings.learner = config.learner;
  settings.mismatch = config.mismatch;
  settings.seed = config.run.seed;
  settings.temperature = config.rollout.temperature;
  settings.updates_per_step = config.train.updates_per_step;
  settings.epochs_per_step = config.train.epochs_per_step;
  settings.steps = config.train.steps;
  settings.max_new_tokens = config.rollout.max_new_tokens;
  if (config.learner.kl != "none") parts.reference = std::make_unique<Reference>(policy);
  parts.learner =
      std::make_unique<Learner>(policy, *parts.optimizer, parts.reference.get(), settings);
  // A step's samples stay unacknowledged until they are in the run's record: one credit each.
  const auto credits = static_cast<size_t>(most_groups(config) * config.rollout.group_size);
  if (workers.remote()) {
    parts.workers = std::make_unique<WorkerPool>(workers, config, credits);
    parts.task_sender = parts.workers->channel().task_sender();
    parts.samples = parts.workers->channel().sample_receiver();
    check_first_tasks(parts);
    return parts;
  }
  InProcessChannel channel(credits);
  parts.task_sender = channel.task_sender();
  parts.samples = channel.sample_receiver();
  parts.worker = std::make_unique<Worker>(
      policy, *parts.model.codec, WorkerSettings{.engine = rollout_settings(config, parts.model)},
      channel.task_receiver(), channel.sample_sender());
  check_first_tasks(parts);
  return parts;
}

void publish(TrainParts& parts, int64_t step) {
  const Weights& weights = parts.model.policy->weights();
  parts.version = make_version(weights, static_cast<uint32_t>(step));
  if (parts.workers) parts.workers->publish(weights, parts.version);
}

int64_t sampled_tokens(const std::vector<ScoredGroup>& groups) {
  int64_t tokens = 0;
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) tokens += sample.completion_length();
  return tokens;
}

HeldOut evaluate_held_out(const TrainParts& parts, bool wide) {
  const RunConfig& config = parts.config;
  EvaluationSettings settings;
  settings.samples = config.eval.samples;
  settings.temperature = config.eval.temperature;
  settings.max_new_tokens = config.rollout.max_new_tokens;
  settings.stop = config.rollout.stop;
  settings.pass_at = {1};
  if (settings.samples >= 8) settings.pass_at.push_back(8);
  settings.seed = config.run.seed;
  settings.max_sequences = config.rollout.max_sequences;
  settings.max_batch_tokens = config.rollout.max_batch_tokens;
  settings.cache_bytes = config.rollout.cache_bytes;
  HeldOut result{evaluate(parts.model, parts.held_out, *parts.rewards, settings), std::nullopt};
  const size_t prompts = std::min<size_t>(parts.held_out.size(), config.eval.wide_prompts);
  if (!wide || prompts == 0) return result;
  settings.samples = config.eval.wide_samples;
  settings.pass_at = {1, config.eval.wide_samples};
  result.wide = evaluate(
      parts.model,
      {parts.held_out.begin(), parts.held_out.begin() + static_cast<std::ptrdiff_t>(prompts)},
      *parts.rewards, settings);
  return result;
}

}  // namespace retort
