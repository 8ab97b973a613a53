#include "tools/retort/train_parts.h"

#include "base/channel/in_process.h"
#include "base/check.h"
#include "base/error.h"
#include "kernels/peak.h"
#include "policy/hf_model.h"
#include "tasks/evaluation_set.h"
#include "tools/retort/stopwatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

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

// Longest prompt in tokens that a task may have.
int64_t prompt_limit(const RunConfig& config, const Policy& policy) {
  const int64_t room = policy.config().max_position_embeddings - config.rollout.max_new_tokens;
  if (room < 1)
    throw UserError("[rollout.max_new_tokens]",
                    fmt::format("got {}, the model has {} positions", config.rollout.max_new_tokens,
                                policy.config().max_position_embeddings),
                    fmt::format("set it below {}", policy.config().max_position_embeddings));
  return config.tasks.max_prompt_tokens > 0 ? std::min(config.tasks.max_prompt_tokens, room) : room;
}

EngineSettings rollout_settings(const TrainParts& parts) {
  const RolloutConfig& rollout = parts.config.rollout;
  EngineSettings settings = engine_settings(parts.model);
  settings.sampling = {rollout.temperature, rollout.top_k, rollout.top_p, parts.config.run.seed,
                       Purpose::kSampling};
  settings.max_new_tokens = rollout.max_new_tokens;
  settings.stop = rollout.stop;
  settings.max_sequences = rollout.max_sequences;
  settings.max_batch_tokens = rollout.max_batch_tokens;
  settings.cache_bytes = rollout.cache_bytes;
  // The longest prompt is not known before it is drawn: room for 1024 tokens, or what the
  // configuration allows.
  settings.max_length = std::min<int64_t>(prompt_limit(parts.config, *parts.model.policy), 1024) +
                        rollout.max_new_tokens;
  return settings;
}

double peak_flops(const Policy& policy) {
  return policy.on_gpu()
             ? kernels::cuda_peak_flops(policy.weights().embedding.value.device().index())
             : kernels::cpu_peak_flops();
}

// Groups of a step when every wave of a refill is as large as the first.
int64_t most_groups(const RunConfig& config) {
  const int64_t waves = config.learner.zero_variance == "refill" ? config.learner.refill_waves : 0;
  return config.train.prompts_per_step * (1 + waves);
}

// The next tasks of the curriculum.
std::vector<Task> draw_tasks(TrainParts& parts, size_t count) {
  const RunConfig& config = parts.config;
  const int64_t limit = prompt_limit(config, *parts.model.policy);
  return parts.curriculum->draw(count, [&](const Task& task) {
    const int64_t length = static_cast<int64_t>(parts.model.codec->encode(task).size());
    if (length <= limit) return true;
    if (config.tasks.overlong_prompt == "drop") return false;
    throw UserError("[tasks.max_prompt_tokens]",
                    fmt::format("a prompt of {} tokens, the limit is {}", length, limit),
                    "raise it, or set tasks.overlong_prompt = \"drop\"");
  });
}

// UserError when no task can be scored, whatever the policy answers: nothing would be learned.
void check_scored(const TrainParts& parts, const std::vector<Task>& tasks) {
  std::string fault;
  for (const Task& task : tasks) {
    const Verdict verdict = parts.rewards->score({}, task, Completion{});
    if (verdict.outcome != Outcome::kVerifierError) return;
    if (fault.empty()) fault = fault_text(verdict);
  }
  throw UserError("[rewards]", fault + ", for every task of the first step",
                  "name a reward that fits the tasks, or mend their answers");
}

// That the first step's tasks can be sampled and scored, before anything is written.
void check_first_tasks(TrainParts& parts) {
  const uint64_t cursor = parts.curriculum->cursor();
  const std::vector<Task> tasks =
      draw_tasks(parts, static_cast<size_t>(parts.config.train.prompts_per_step));
  for (const Task& task : tasks) parts.worker->check_fits(task);
  check_golds(tasks, *parts.rewards, "[tasks.train]");
  check_golds(parts.held_out, *parts.rewards, "[tasks.eval]");
  check_scored(parts, tasks);
  parts.curriculum->seek(cursor);
}

// G samples of each task, ordered by task and slot; the first task has index `first` in the step.
std::vector<ScoredGroup> sample(TrainParts& parts, int64_t step, size_t first,
                                const std::vector<Task>& tasks) {
  const auto group_size = static_cast<uint32_t>(parts.config.rollout.group_size);
  const auto version = static_cast<uint32_t>(step - 1);
  std::vector<ScoredGroup> groups(tasks.size());
  parts.worker->set_version(version);
  size_t missing = tasks.size() * group_size;
  for (size_t t = 0; t < tasks.size(); ++t) {
    const Assignment assignment{static_cast<uint32_t>(step),
                                static_cast<uint32_t>(first + t),
                                0,
                                group_size,
                                version,
                                tasks[t]};
    RT_CHECK(parts.task_sender->send(assignment, Deadline::after(0)) == SendResult::kSent);
  }
  parts.worker->take_assignments();
  while (!parts.worker->idle()) {
    parts.worker->step();
    while (true) {
      SampleReceived received = parts.samples->receive(Deadline::after(0));
      if (received.kind != ReceiveKind::kReceived) break;
      groups.at(received.sample->id.task - first).samples.push_back(std::move(*received.sample));
      --missing;
    }
  }
  RT_CHECK_EQ(missing, size_t{0}) << "samples of step " << step << " are missing";
  for (ScoredGroup& group : groups)
    std::sort(group.samples.begin(), group.samples.end(),
              [](const Sample& a, const Sample& b) { return a.id < b.id; });
  return groups;
}

// Fills the verdicts in.
void score(const TrainParts& parts, const std::vector<Task>& tasks,
           std::vector<ScoredGroup>& groups) {
  for (size_t t = 0; t < groups.size(); ++t)
    for (const Sample& sample : groups[t].samples)
      groups[t].verdicts.push_back(
          parts.rewards->score(sample.id, tasks[t], parts.model.codec->completion(sample)));
}

}  // namespace

TrainParts build_train_parts(const RunConfig& config) {
  TrainParts parts;
  parts.config = config;
  const TaskOptions options = task_options(config.tasks);
  parts.curriculum = std::make_unique<Curriculum>(
      parse_training_spec(config.tasks.train, "[tasks.train]"), options, config.run.seed);
  if (!config.tasks.eval.empty())
    parts.held_out =
        evaluation_tasks(parse_evaluation_spec(config.tasks.eval, "[tasks.eval]"), options);
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
  settings.steps = config.train.steps;
  settings.max_new_tokens = config.rollout.max_new_tokens;
  if (config.learner.kl != "none") parts.reference = std::make_unique<Reference>(policy);
  parts.learner =
      std::make_unique<Learner>(policy, *parts.optimizer, parts.reference.get(), settings);
  // A step's samples stay unacknowledged until they are in the run's record: one credit each.
  InProcessChannel channel(static_cast<size_t>(most_groups(config) * config.rollout.group_size));
  parts.task_sender = channel.task_sender();
  parts.samples = channel.sample_receiver();
  parts.worker = std::make_unique<Worker>(policy, *parts.model.codec, rollout_settings(parts),
                                          channel.task_receiver(), channel.sample_sender());
  check_first_tasks(parts);
  return parts;
}

Rollouts roll_out(TrainParts& parts, int64_t step) {
  const RunConfig& config = parts.config;
  Rollouts rollouts;
  const auto wave = [&](size_t count) {
    Stopwatch watch;
    std::vector<Task> tasks = draw_tasks(parts, count);
    std::vector<ScoredGroup> groups = sample(parts, step, rollouts.tasks.size(), tasks);
    rollouts.rollout_s += watch.lap();
    score(parts, tasks, groups);
    rollouts.reward_s += watch.lap();
    std::move(tasks.begin(), tasks.end(), std::back_inserter(rollouts.tasks));
    std::move(groups.begin(), groups.end(), std::back_inserter(rollouts.groups));
  };
  wave(static_cast<size_t>(config.train.prompts_per_step));
  rollouts.first_wave = rollouts.groups.size();
  if (config.learner.zero_variance != "refill") return rollouts;
  for (int64_t w = 0; w < config.learner.refill_waves; ++w) {
    const auto kept = static_cast<size_t>(
        std::ranges::count_if(rollouts.groups, [](const auto& group) { return !is_flat(group); }));
    if (kept == rollouts.first_wave) break;
    wave(rollouts.first_wave - kept);
  }
  return rollouts;
}

void acknowledge(TrainParts& parts, int64_t step, const std::vector<ScoredGroup>& groups) {
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) parts.samples->ack(sample.id);
  parts.samples->settle(static_cast<uint32_t>(step));
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
