#include "tools/retort/rollouts.h"

#include "base/check.h"
#include "base/error.h"
#include "tools/retort/stopwatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace retort {
namespace {

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

// G samples of each of the tasks that are wanted, ordered by task and slot; the first task has
// index `first` in the step. The group of a task that is not wanted is empty.
std::vector<ScoredGroup> sample(TrainParts& parts, int64_t step, size_t first,
                                const std::vector<Task>& tasks, const std::vector<char>& wanted) {
  const auto group_size = static_cast<uint32_t>(parts.config.rollout.group_size);
  const auto version = static_cast<uint32_t>(step - 1);
  std::vector<ScoredGroup> groups(tasks.size());
  parts.worker->set_version(version);
  size_t missing = 0;
  for (size_t t = 0; t < tasks.size(); ++t) {
    if (wanted[t] == 0) continue;
    missing += group_size;
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
  std::vector<ScoreRequest> requests;
  for (size_t t = 0; t < groups.size(); ++t)
    for (const Sample& sample : groups[t].samples)
      requests.push_back({sample.id, &tasks[t], parts.model.codec->completion(sample)});
  std::vector<Verdict> verdicts =
      parts.rewards->score_patiently(requests, parts.config.train.group_deadline_s);
  auto next = verdicts.begin();
  for (ScoredGroup& group : groups)
    for (size_t i = 0; i < group.samples.size(); ++i) group.verdicts.push_back(std::move(*next++));
}

// Why a group has no score; "" when it has.
std::string trouble_of(const ScoredGroup& group) {
  for (const Verdict& verdict : group.verdicts)
    for (const VerdictPart& part : verdict.parts)
      if (part.outcome == Outcome::kInfraError) return part.name + ": " + part.detail;
  return "";
}

// One step.
class StepRollouts {
 public:
  StepRollouts(TrainParts& parts, int64_t step, const std::vector<Decision>& replayed)
      : parts_(parts), step_(step) {
    for (const Decision& decision : replayed) replayed_[decision.task] = decision;
  }

  // `count` more groups with their scores.
  void wave(size_t count) {
    while (count > 0) count = groups(count);
  }

  Rollouts rollouts;

 private:
  // Adds up to `count` groups; how many of them were given up.
  size_t groups(size_t count) {
    Stopwatch watch;
    const size_t first = rollouts.tasks.size();
    const std::vector<Task> tasks = draw_tasks(parts_, count);
    std::vector<char> wanted(count, 1);
    size_t given_up = 0;
    for (size_t t = 0; t < count; ++t)
      if (replayed_.contains(static_cast<uint32_t>(first + t))) {
        wanted[t] = 0;
        ++given_up;
      }
    std::vector<ScoredGroup> groups = sample(parts_, step_, first, tasks, wanted);
    rollouts.rollout_s += watch.lap();
    score(parts_, tasks, groups);
    rollouts.reward_s += watch.lap();
    for (size_t t = 0; t < count; ++t) {
      if (wanted[t] == 0) continue;
      const std::string trouble = trouble_of(groups[t]);
      if (trouble.empty())
        rollouts.groups.push_back(std::move(groups[t]));
      else
        give_up(first + t, first + count + given_up++, groups[t], trouble);
    }
    rollouts.tasks.insert(rollouts.tasks.end(), tasks.begin(), tasks.end());
    rollouts.replaced += static_cast<int64_t>(given_up);
    if (rollouts.replaced > parts_.config.train.prompts_per_step)
      throw UserError(
          "[rewards]",
          fmt::format("step {}: {} groups had no score within {} s each; the last: {}", step_,
                      rollouts.replaced, parts_.config.train.group_deadline_s, last_trouble_),
          "mend the program, then go on with --resume");
    return given_up;
  }

  void give_up(size_t index, size_t replaced_by, const ScoredGroup& group,
               const std::string& trouble) {
    for (const Sample& sample : group.samples) parts_.samples->ack(sample.id);
    last_trouble_ = trouble;
    rollouts.decisions.push_back(
        {static_cast<uint32_t>(step_), static_cast<uint32_t>(index),
         static_cast<uint32_t>(replaced_by),
         fmt::format("no score within {} s: {}", parts_.config.train.group_deadline_s, trouble)});
  }

  TrainParts& parts_;
  const int64_t step_;
  std::map<uint32_t, Decision> replayed_;  // by task
  std::string last_trouble_ = "as in run.db, table decision";
};

}  // namespace

Rollouts roll_out(TrainParts& parts, int64_t step, const std::vector<Decision>& replayed) {
  const RunConfig& config = parts.config;
  StepRollouts step_rollouts(parts, step, replayed);
  Rollouts& rollouts = step_rollouts.rollouts;
  step_rollouts.wave(static_cast<size_t>(config.train.prompts_per_step));
  rollouts.first_wave = rollouts.groups.size();
  if (config.learner.zero_variance != "refill") return std::move(rollouts);
  for (int64_t w = 0; w < config.learner.refill_waves; ++w) {
    const auto kept = static_cast<size_t>(
        std::ranges::count_if(rollouts.groups, [](const auto& group) { return !is_flat(group); }));
    if (kept == rollouts.first_wave) break;
    step_rollouts.wave(rollouts.first_wave - kept);
  }
  return std::move(rollouts);
}

void acknowledge(TrainParts& parts, int64_t step, const std::vector<ScoredGroup>& groups) {
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) parts.samples->ack(sample.id);
  parts.samples->settle(static_cast<uint32_t>(step));
}

}  // namespace retort
