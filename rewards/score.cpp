#include "rewards/score.h"

#include "base/check.h"
#include "base/error.h"
#include "base/wait_system.h"
#include "rewards/registry.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace retort {
namespace {

// A program that fails as often as this is not asked the rest of the rows in the same round.
constexpr size_t kFailuresInARow = 8;
constexpr double kFirstPauseS = 0.1, kLongestPauseS = 5.0;

}  // namespace

std::vector<Judgement> Reward::score_all(std::span<const Question> questions,
                                         const ScoreLimits& /*limits*/) const {
  std::vector<Judgement> judgements;
  for (const Question& question : questions)
    judgements.push_back(score(*question.task, *question.completion));
  return judgements;
}

Verdict combine(const SampleId& id, std::vector<VerdictPart> parts) {
  Verdict verdict;
  verdict.id = id;
  bool ours = false;  // a part that is not the policy's doing has been met
  for (const VerdictPart& part : parts) {
    if (part.outcome == Outcome::kValue) {
      verdict.score += part.weight * part.score;
      continue;
    }
    const bool ours_now = !is_policys_doing(part.outcome);
    if (verdict.outcome == Outcome::kValue || (ours_now && !ours)) verdict.outcome = part.outcome;
    ours = ours || ours_now;
  }
  // Finite parts whose sum is not: no score that a mean could be taken of.
  if (!ours && !std::isfinite(verdict.score)) {
    verdict.outcome = Outcome::kVerifierError;
    ours = true;
  }
  if (ours) verdict.score = 0;
  verdict.parts = std::move(parts);
  return verdict;
}

void self_test(const std::string& name, const Reward& reward) {
  reward.check("reward " + name);
  const std::vector<KnownAnswer> known = reward.known_answers();
  RT_CHECK(!known.empty() || reward.is_users_own()) << name << " has no known answers";
  for (const KnownAnswer& answer : known) {
    const Judgement judgement = reward.score(answer.task, answer.completion);
    const bool as_known = judgement.outcome == answer.outcome &&
                          (answer.outcome != Outcome::kValue || judgement.score == answer.score);
    RT_CHECK(as_known) << name << ", known answer '" << answer.what << "': got "
                       << outcome_name(judgement.outcome) << ' ' << judgement.score << ", expected "
                       << outcome_name(answer.outcome) << ' ' << answer.score;
  }
}

RewardSet::RewardSet(const std::vector<RewardSetting>& settings, const std::string& place) {
  if (settings.empty())
    throw UserError(place, "the list is empty",
                    "name a reward, as in rewards = [{name = \"task\"}]");
  for (const RewardSetting& setting : settings) {
    if (!std::isfinite(setting.weight))
      throw UserError(place, "the weight of '" + setting.name + "' is not a number",
                      "give a number such as 1.0");
    for (const Entry& entry : entries_)
      if (entry.setting.name == setting.name)
        throw UserError(place, "'" + setting.name + "' stands twice", "write it once");
    entries_.push_back({setting, make_reward(setting.name, place)});
  }
}

void RewardSet::add_parts(const RewardSetting& setting, const Reward& reward,
                          const std::vector<ScoreRequest>& requests,
                          const std::vector<size_t>& indices, const ScoreLimits& limits,
                          std::vector<Verdict>& verdicts) const {
  if (indices.empty()) return;
  std::vector<Question> questions;
  for (const size_t index : indices)
    questions.push_back({requests[index].task, &requests[index].completion});
  const auto start = std::chrono::steady_clock::now();
  std::vector<Judgement> judgements = reward.score_all(questions, limits);
  RT_CHECK_EQ(judgements.size(), questions.size()) << setting.name;
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  for (size_t i = 0; i < indices.size(); ++i) {
    Judgement& judgement = judgements[i];
    if (!std::isfinite(judgement.score)) judgement = verifier_error("the score is not a number");
    if (judgement.outcome != Outcome::kValue) judgement.score = 0;
    Verdict& verdict = verdicts[indices[i]];
    verdict.parts.push_back({setting.name, setting.weight, judgement.outcome, judgement.score,
                             std::move(judgement.detail)});
    verdict.ms += spent.count() / static_cast<double>(indices.size());
  }
}

std::vector<Verdict> RewardSet::score_all(const std::vector<ScoreRequest>& requests,
                                          const ScoreLimits& limits) const {
  std::vector<Verdict> verdicts(requests.size());
  std::vector<size_t> by_configuration;
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::vector<std::string>& names = requests[i].task->rewards;
    if (names.empty()) by_configuration.push_back(i);
    for (const std::string& name : names) {
      const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                      [&](const Entry& one) { return one.setting.name == name; });
      try {
        if (entry != entries_.end())
          add_parts(entry->setting, *entry->reward, requests, {i}, limits, verdicts);
        else
          add_parts({name, 1}, *make_reward(name, "reward of a task"), requests, {i}, limits,
                    verdicts);
      } catch (const UserError& error) {
        verdicts[i].parts.push_back({name, 1, Outcome::kVerifierError, 0, error.what()});
      }
    }
  }
  for (const Entry& entry : entries_)
    add_parts(entry.setting, *entry.reward, requests, by_configuration, limits, verdicts);
  for (size_t i = 0; i < requests.size(); ++i) {
    const double ms = verdicts[i].ms;
    verdicts[i] = combine(requests[i].id, std::move(verdicts[i].parts));
    verdicts[i].ms = ms;
  }
  return verdicts;
}

Verdict RewardSet::score(const SampleId& id, const Task& task, const Completion& completion) const {
  return score_all({{id, &task, completion}}).front();
}

std::vector<Verdict> RewardSet::score_patiently(const std::vector<ScoreRequest>& requests,
                                                double patience_s) const {
  std::vector<Verdict> verdicts = score_all(requests, {Deadline::never(), kFailuresInARow});
  const Deadline deadline = Deadline::after(patience_s);
  std::vector<size_t> failed;
  for (size_t i = 0; i < verdicts.size(); ++i)
    if (verdicts[i].outcome == Outcome::kInfraError) failed.push_back(i);
  double pause_s = kFirstPauseS;
  while (!failed.empty() && !deadline.passed()) {
    const Deadline pause = Deadline::after(std::min(pause_s, deadline.seconds_left()));
    wait_poll({}, WaitScope("a reward to answer again", "the reward's program", pause), pause);
    // Those that fail must not for ever stand before others that were not asked.
    std::rotate(failed.begin(),
                failed.begin() + static_cast<std::ptrdiff_t>(kFailuresInARow % failed.size()),
                failed.end());
    std::vector<ScoreRequest> again;
    for (const size_t index : failed) again.push_back(requests[index]);
    std::vector<Verdict> anew = score_all(again, {deadline, kFailuresInARow});
    std::vector<size_t> still;
    for (size_t i = 0; i < failed.size(); ++i) {
      if (anew[i].outcome == Outcome::kInfraError)
        still.push_back(failed[i]);
      else
        verdicts[failed[i]] = std::move(anew[i]);
    }
    pause_s = still.size() < failed.size() ? kFirstPauseS : std::min(2 * pause_s, kLongestPauseS);
    failed = std::move(still);
  }
  return verdicts;
}

void RewardSet::self_test() const {
  for (const Entry& entry : entries_) retort::self_test(entry.setting.name, *entry.reward);
}

}  // namespace retort
