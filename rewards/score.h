#pragma once
// Scoring: the configured rewards, each with a weight, make one Verdict of a sample.
#include "base/record/verdict.h"
#include "rewards/reward.h"

#include <memory>
#include <string>
#include <vector>

namespace retort {

// One entry of the list `rewards`.
struct RewardSetting {
  std::string name;  // NAME[:option=value,…]
  double weight = 1;
};

// What the parts make together: score = sum of weight × score over the parts, a part that is the
// policy's doing and not `value` counting as 0; outcome = that of the first part that is not the
// policy's doing, else of the first that is not `value`, else `value`. When the outcome is not the
// policy's doing the score is 0 and means nothing: such a sample is counted, never scored.
Verdict combine(const SampleId& id, std::vector<VerdictPart> parts);

// Asks a reward whether it can work here (UserError when not) and its known answers. RT_CHECK fails
// where one differs: a reward that is wrong about them must not train anything.
void self_test(const std::string& name, const Reward& reward);

// One sample to be scored. The task outlives the request.
struct ScoreRequest {
  SampleId id;
  const Task* task;
  Completion completion;
};

// Constant after construction; score() may be called from several threads at once.
class RewardSet {
 public:
  // UserError at `place` for an empty list, an unknown reward or option, a weight that is no
  // number, or an entry that stands twice.
  RewardSet(const std::vector<RewardSetting>& settings, const std::string& place);

  // The verdict by the configured rewards, or by those that the task itself names (with the
  // configured weight where the same name is configured, else 1; a name that is unknown is a
  // verifier_error).
  Verdict score(const SampleId& id, const Task& task, const Completion& completion) const;

  // The verdicts of all, in order; programs of the user's have several rows under way.
  std::vector<Verdict> score_all(const std::vector<ScoreRequest>& requests,
                                 const ScoreLimits& limits = {}) const;

  // The same; those that end as infra_error are scored again and again until none is left or
  // `patience_s` seconds have passed since the first was seen.
  std::vector<Verdict> score_patiently(const std::vector<ScoreRequest>& requests,
                                       double patience_s) const;

  // self_test() of every configured reward.
  void self_test() const;

 private:
  struct Entry {
    RewardSetting setting;
    std::unique_ptr<Reward> reward;
  };
  // The parts that `reward` gives to those of the requests that `indices` names, at their places.
  void add_parts(const RewardSetting& setting, const Reward& reward,
                 const std::vector<ScoreRequest>& requests, const std::vector<size_t>& indices,
                 const ScoreLimits& limits, std::vector<Verdict>& verdicts) const;

  std::vector<Entry> entries_;
};

}  // namespace retort
