#include "rewards/score.h"

#include "base/check.h"
#include "base/error.h"
#include "rewards/registry.h"

#include <chrono>
#include <cmath>

namespace retort {

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

VerdictPart RewardSet::part(const RewardSetting& setting, const Reward& reward, const Task& task,
                            const Completion& completion) const {
  Judgement judgement = reward.score(task, completion);
  if (!std::isfinite(judgement.score)) judgement = verifier_error("the score is not a number");
  if (judgement.outcome != Outcome::kValue) judgement.score = 0;
  return {setting.name, setting.weight, judgement.outcome, judgement.score,
          std::move(judgement.detail)};
}

VerdictPart RewardSet::part_of_task(const std::string& name, const Task& task,
                                    const Completion& completion) const {
  for (const Entry& entry : entries_)
    if (entry.setting.name == name) return part(entry.setting, *entry.reward, task, completion);
  try {
    return part({name, 1}, *make_reward(name, "reward of a task"), task, completion);
  } catch (const UserError& error) {
    return {name, 1, Outcome::kVerifierError, 0, error.what()};
  }
}

Verdict RewardSet::score(const SampleId& id, const Task& task, const Completion& completion) const {
  const auto start = std::chrono::steady_clock::now();
  std::vector<VerdictPart> parts;
  if (task.rewards.empty())
    for (const Entry& entry : entries_)
      parts.push_back(part(entry.setting, *entry.reward, task, completion));
  else
    for (const std::string& name : task.rewards)
      parts.push_back(part_of_task(name, task, completion));
  Verdict verdict = combine(id, std::move(parts));
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  verdict.ms = spent.count();
  return verdict;
}

void RewardSet::self_test() const {
  for (const Entry& entry : entries_) retort::self_test(entry.setting.name, *entry.reward);
}

}  // namespace retort
