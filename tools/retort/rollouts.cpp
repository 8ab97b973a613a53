#include "tools/retort/rollouts.h"

#include "base/check.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "tools/retort/long_wait.h"
#include "tools/retort/stopwatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace retort {
namespace {

constexpr double kLookS = 0.25;  // between two looks after the workers

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

// Fills the verdicts of these groups in.
void score(const TrainParts& parts, const std::vector<Task>& tasks,
           std::vector<ScoredGroup>& groups, const std::vector<size_t>& which) {
  std::vector<ScoreRequest> requests;
  for (const size_t t : which) {
    std::sort(groups[t].samples.begin(), groups[t].samples.end(),
              [](const Sample& a, const Sample& b) { return a.id < b.id; });
    for (const Sample& sample : groups[t].samples)
      requests.push_back({sample.id, &tasks[t], parts.model.codec->completion(sample)});
  }
  std::vector<Verdict> verdicts =
      parts.rewards->score_patiently(requests, parts.config.train.group_deadline_s);
  auto next = verdicts.begin();
  for (const size_t t : which)
    for (size_t i = 0; i < groups[t].samples.size(); ++i)
      groups[t].verdicts.push_back(std::move(*next++));
}

// Why a group has no score; "" when it has.
std::string infra_fault(const ScoredGroup& group) {
  for (const Verdict& verdict : group.verdicts)
    for (const VerdictPart& part : verdict.parts)
      if (part.outcome == Outcome::kInfraError) return part.name + ": " + part.detail;
  return "";
}

// Why a group cannot be had, and the setting that says for how long it is tried.
struct Trouble {
  const char* place = "";
  std::string text;  // "" when it can
};

// The groups of one draw of tasks: sampled here or by workers, and scored.
class Sampling {
 public:
  // The first task has index `first` in the step; the group of a task that is not wanted stays
  // empty.
  Sampling(TrainParts& parts, int64_t step, size_t first, const std::vector<Task>& tasks,
           const std::vector<char>& wanted)
      : parts_(parts),
        step_(static_cast<uint32_t>(step)),
        first_(first),
        tasks_(tasks),
        group_size_(static_cast<size_t>(parts.config.rollout.group_size)),
        wanted_(wanted),
        groups_(tasks.size()),
        troubles_(tasks.size()) {
    for (size_t t = 0; t < tasks.size(); ++t)
      if (wanted[t] != 0) unsent_.push_back(t);
    missing_ = unsent_.size() * group_size_;
  }

  // Ordered by task and slot, with verdicts.
  std::vector<ScoredGroup> run() {
    for (Sample& sample : std::exchange(parts_.early, {})) take(std::move(sample), unscored_);
    while (missing_ > 0) {
      send();
      if (parts_.worker) {
        parts_.worker->take_assignments(Deadline::after(0));
        RT_CHECK(!parts_.worker->idle())
            << missing_ << " samples of step " << step_ << " are missing";
        parts_.worker->step();
      }
      const std::vector<size_t> whole = receive();
      if (!parts_.workers) {
        unscored_.insert(unscored_.end(), whole.begin(), whole.end());
        continue;
      }
      // While others sample, what is whole is scored.
      score_groups(whole);
      look_after_workers();
    }
    std::sort(unscored_.begin(), unscored_.end());
    score_groups(unscored_);
    return std::move(groups_);
  }

  double reward_s() const { return reward_s_; }
  // Of this group. After run().
  const Trouble& trouble(size_t t) const { return troubles_[t]; }

 private:
  // As many assignments as the channel takes now.
  void send() {
    for (; sent_ < unsent_.size(); ++sent_) {
      const size_t t = unsent_[sent_];
      const Assignment assignment{step_,     static_cast<uint32_t>(first_ + t),
                                  0,         static_cast<uint32_t>(group_size_),
                                  step_ - 1, tasks_[t]};
      if (parts_.task_sender->send(assignment, Deadline::after(0)) != SendResult::kSent) return;
    }
  }

  // Takes in what has come, where others sample after a wait for the first; the groups that became
  // whole.
  std::vector<size_t> receive() {
    std::vector<size_t> whole;
    Deadline deadline = Deadline::after(parts_.workers ? kLookS : 0.0);
    while (true) {
      SampleReceived received = parts_.samples->receive(deadline);
      if (received.kind != ReceiveKind::kReceived) return whole;
      wait_.over();
      deadline = Deadline::after(0);
      take(std::move(*received.sample), whole);
      if (missing_ == 0) return whole;
    }
  }

  // A worker may keep samples from before the learner was started anew. Those of a later draw are
  // the ones that it will ask for, and come only once; others are of no use.
  void take(Sample sample, std::vector<size_t>& whole) {
    const SampleId id = sample.id;
    const size_t end = first_ + groups_.size();
    if (id.step > step_ || (id.step == step_ && id.task >= end)) {
      parts_.samples->ack(id);
      parts_.early.push_back(std::move(sample));
      return;
    }
    if (id.step < step_ || id.task < first_ || wanted_[id.task - first_] == 0 ||
        !troubles_[id.task - first_].text.empty()) {
      parts_.samples->ack(id);
      return;
    }
    const size_t t = id.task - first_;
    groups_[t].samples.push_back(std::move(sample));
    --missing_;
    if (groups_[t].samples.size() == group_size_) whole.push_back(t);
  }

  void score_groups(const std::vector<size_t>& which) {
    Stopwatch watch;
    score(parts_, tasks_, groups_, which);
    for (const size_t t : which) {
      const std::string fault = infra_fault(groups_[t]);
      if (!fault.empty())
        troubles_[t] = {"[rewards]", fmt::format("no score within {} s: {}",
                                                 parts_.config.train.group_deadline_s, fault)};
    }
    reward_s_ += watch.lap();
  }

  void look_after_workers() {
    if (missing_ == 0) return;
    parts_.workers->watch();
    worker_seen_ |= parts_.workers->any();
    if (interrupted() && parts_.workers->is_empty()) throw InterruptedAlone();
    const double limit = parts_.config.train.sample_deadline_s;
    if (wait_.goes_on([&] { return missing_text(); }) < limit) return;
    if (!worker_seen_)
      throw InternalError(
          fmt::format("no sample came for {:.0f} s while waiting for {}; mend the workers, then go "
                      "on with --resume",
                      limit, missing_text()));
    give_up_missing({"[train.sample_deadline_s]",
                     fmt::format("no sample within {} s: {}", limit, parts_.workers->holders())});
    worker_seen_ = false;
    wait_.over();
  }

  void give_up_missing(const Trouble& trouble) {
    for (size_t t = 0; t < groups_.size(); ++t) {
      const size_t here = groups_[t].samples.size();
      if (wanted_[t] == 0 || here == group_size_ || !troubles_[t].text.empty()) continue;
      troubles_[t] = trouble;
      missing_ -= group_size_ - here;
      parts_.samples->give_up(step_, static_cast<uint32_t>(first_ + t));
    }
    sent_ = unsent_.size();
    log::detail(fmt::format("step {}: what is missing is given up: {}", step_, trouble.text));
  }

  // "samples of group 17 of step 3 (24 missing in all) from worker 2 (1 assignments, silent …)"
  std::string missing_text() const {
    size_t t = 0;
    while (t + 1 < groups_.size() && groups_[t].samples.size() == group_size_) ++t;
    return fmt::format("samples of group {} of step {} ({} missing in all) from {}", first_ + t,
                       step_, missing_, parts_.workers->holders());
  }

  TrainParts& parts_;
  const uint32_t step_;
  const size_t first_;
  const std::vector<Task>& tasks_;
  const size_t group_size_;
  const std::vector<char>& wanted_;
  std::vector<ScoredGroup> groups_;
  std::vector<Trouble> troubles_;          // per group
  std::vector<size_t> unsent_, unscored_;  // indices of groups
  size_t sent_ = 0;                        // of unsent_
  size_t missing_ = 0;                     // samples of all groups
  LongWait wait_;
  bool worker_seen_ = false;  // during the wait
  double reward_s_ = 0;
};

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
    Sampling sampling(parts_, step_, first, tasks, wanted);
    std::vector<ScoredGroup> groups = sampling.run();
    rollouts.rollout_s += watch.lap() - sampling.reward_s();
    rollouts.reward_s += sampling.reward_s();
    for (size_t t = 0; t < count; ++t) {
      if (wanted[t] == 0) continue;
      if (sampling.trouble(t).text.empty())
        rollouts.groups.push_back(std::move(groups[t]));
      else
        give_up(first + t, first + count + given_up++, groups[t], sampling.trouble(t));
    }
    rollouts.tasks.insert(rollouts.tasks.end(), tasks.begin(), tasks.end());
    rollouts.replaced += static_cast<int64_t>(given_up);
    if (rollouts.replaced > parts_.config.train.prompts_per_step)
      throw UserError(last_trouble_.place,
                      fmt::format("step {}: {} groups could not be had; the last: {}", step_,
                                  rollouts.replaced, last_trouble_.text),
                      "mend what does not answer, then go on with --resume");
    return given_up;
  }

  void give_up(size_t index, size_t replaced_by, const ScoredGroup& group, const Trouble& trouble) {
    for (const Sample& sample : group.samples) parts_.samples->ack(sample.id);
    last_trouble_ = trouble;
    rollouts.decisions.push_back({static_cast<uint32_t>(step_), static_cast<uint32_t>(index),
                                  static_cast<uint32_t>(replaced_by), trouble.text});
  }

  TrainParts& parts_;
  const int64_t step_;
  std::map<uint32_t, Decision> replayed_;  // by task
  Trouble last_trouble_ = {"[rewards]", "as in run.db, table decision"};
};

// The first wave, and those of a refill.
Rollouts roll_out_waves(TrainParts& parts, int64_t step, const std::vector<Decision>& replayed) {
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

}  // namespace

Rollouts roll_out(TrainParts& parts, int64_t step, const std::vector<Decision>& replayed) {
  const uint64_t cursor = parts.curriculum->cursor();
  try {
    return roll_out_waves(parts, step, replayed);
  } catch (const InterruptedAlone&) {
    parts.curriculum->seek(cursor);
    throw;
  }
}

void check_first_tasks(TrainParts& parts) {
  const uint64_t cursor = parts.curriculum->cursor();
  const std::vector<Task> tasks =
      draw_tasks(parts, static_cast<size_t>(parts.config.train.prompts_per_step));
  if (parts.worker)
    for (const Task& task : tasks) parts.worker->check_fits(task);
  check_golds(tasks, *parts.rewards, "[tasks.train]");
  check_golds(parts.held_out, *parts.rewards, "[tasks.eval]");
  check_scored(parts, tasks);
  parts.curriculum->seek(cursor);
}

void acknowledge(TrainParts& parts, int64_t step, const std::vector<ScoredGroup>& groups) {
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) parts.samples->ack(sample.id);
  parts.samples->settle(static_cast<uint32_t>(step));
}

}  // namespace retort
