#include "tools/retort/train_parts.h"

#include "base/channel/in_process.h"
#include "base/check.h"
#include "base/error.h"
#include "kernels/peak.h"
#include "policy/hf_model.h"
#include "tasks/evaluation_set.h"
#include "tools/retort/long_wait.h"
#include "tools/retort/stopwatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace retort {
namespace {

constexpr double kLookS = 0.25;     // between two looks after the workers
constexpr double kNoSampleS = 600;  // without any sample the run ends, to be resumed

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

// Fills the verdicts of a group in.
void score(const TrainParts& parts, const Task& task, ScoredGroup& group) {
  std::sort(group.samples.begin(), group.samples.end(),
            [](const Sample& a, const Sample& b) { return a.id < b.id; });
  for (const Sample& sample : group.samples)
    group.verdicts.push_back(
        parts.rewards->score(sample.id, task, parts.model.codec->completion(sample)));
}

// What a group in the making waits for.
struct Collected {
  std::vector<ScoredGroup> groups;
  size_t missing;  // samples of all groups
};

// Takes a sample in; a group that is whole is scored at once, while others are sampled.
void collect(const TrainParts& parts, const std::vector<Task>& tasks, int64_t step, size_t first,
             Sample sample, Collected& collected, double& reward_s) {
  // What an earlier attempt of a step sampled, or a group given up, is of no use.
  if (sample.id.step != step || sample.id.task < first ||
      sample.id.task - first >= collected.groups.size()) {
    parts.samples->ack(sample.id);
    return;
  }
  const size_t g = sample.id.task - first;
  ScoredGroup& group = collected.groups[g];
  group.samples.push_back(std::move(sample));
  --collected.missing;
  if (group.samples.size() < static_cast<size_t>(parts.config.rollout.group_size)) return;
  Stopwatch watch;
  score(parts, tasks[g], group);
  reward_s += watch.lap();
}

// "samples of group 17 of step 3 (24 missing in all) from worker 2 (1 assignment, silent for 12 s)"
std::string missing_text(const TrainParts& parts, int64_t step, size_t first,
                         const Collected& collected) {
  const auto group_size = static_cast<size_t>(parts.config.rollout.group_size);
  size_t g = 0;
  while (g + 1 < collected.groups.size() && collected.groups[g].samples.size() == group_size) ++g;
  return fmt::format("samples of group {} of step {} ({} missing in all) from {}", first + g, step,
                     collected.missing, parts.workers->holders());
}

// G samples of each task with their verdicts, ordered by task and slot; the first task has index
// `first` in the step.
std::vector<ScoredGroup> sample_groups(TrainParts& parts, int64_t step, size_t first,
                                       const std::vector<Task>& tasks, double& reward_s) {
  const auto group_size = static_cast<uint32_t>(parts.config.rollout.group_size);
  Collected collected{std::vector<ScoredGroup>(tasks.size()), tasks.size() * group_size};
  size_t sent = 0;
  LongWait wait;
  while (collected.missing > 0) {
    for (; sent < tasks.size(); ++sent) {
      const Assignment assignment{static_cast<uint32_t>(step),
                                  static_cast<uint32_t>(first + sent),
                                  0,
                                  group_size,
                                  static_cast<uint32_t>(step - 1),
                                  tasks[sent]};
      if (parts.task_sender->send(assignment, Deadline::after(0)) != SendResult::kSent) break;
    }
    if (parts.worker) {
      parts.worker->take_assignments(Deadline::after(0));
      RT_CHECK(!parts.worker->idle())
          << collected.missing << " samples of step " << step << " are missing";
      parts.worker->step();
    }
    // The first is waited for where others make it; the rest is what has come meanwhile.
    Deadline deadline = Deadline::after(parts.worker ? 0.0 : kLookS);
    while (true) {
      SampleReceived received = parts.samples->receive(deadline);
      if (received.kind != ReceiveKind::kReceived) break;
      wait.over();
      collect(parts, tasks, step, first, std::move(*received.sample), collected, reward_s);
      deadline = Deadline::after(0);
    }
    if (!parts.workers || collected.missing == 0) continue;
    parts.workers->watch();
    const std::string what = missing_text(parts, step, first, collected);
    if (wait.goes_on(what) > kNoSampleS)
      throw InternalError(
          fmt::format("no sample came for {:.0f} s while waiting for {}; the run "
                      "goes on with --resume",
                      kNoSampleS, what));
  }
  return std::move(collected.groups);
}

}  // namespace

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
  const auto credits = static_cast<size_t>(most_groups(config) * config.rollout.group_size);
  if (workers.remote()) {
    parts.workers = std::make_unique<WorkerPool>(workers, config, credits);
    parts.task_sender = parts.workers->channel().task_sender();
    parts.samples = parts.workers->channel().sample_receiver();
    return parts;
  }
  InProcessChannel channel(credits);
  parts.task_sender = channel.task_sender();
  parts.samples = channel.sample_receiver();
  parts.worker = std::make_unique<Worker>(
      policy, *parts.model.codec, WorkerSettings{.engine = rollout_settings(config, parts.model)},
      channel.task_receiver(), channel.sample_sender());
  return parts;
}

Rollouts roll_out(TrainParts& parts, int64_t step) {
  const RunConfig& config = parts.config;
  Rollouts rollouts;
  Stopwatch watch;
  const auto wave = [&](size_t count) {
    std::vector<Task> tasks = draw_tasks(parts, count);
    std::vector<ScoredGroup> groups =
        sample_groups(parts, step, rollouts.tasks.size(), tasks, rollouts.reward_s);
    std::move(tasks.begin(), tasks.end(), std::back_inserter(rollouts.tasks));
    std::move(groups.begin(), groups.end(), std::back_inserter(rollouts.groups));
  };
  wave(static_cast<size_t>(config.train.prompts_per_step));
  rollouts.first_wave = rollouts.groups.size();
  const int64_t waves = config.learner.zero_variance == "refill" ? config.learner.refill_waves : 0;
  for (int64_t w = 0; w < waves; ++w) {
    const auto kept = static_cast<size_t>(
        std::ranges::count_if(rollouts.groups, [](const auto& group) { return !is_flat(group); }));
    if (kept == rollouts.first_wave) break;
    wave(rollouts.first_wave - kept);
  }
  rollouts.rollout_s = watch.lap() - rollouts.reward_s;
  return rollouts;
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
