#pragma once
// The contract of a reward: a rule that judges one completion of one task.
#include "base/record/task.h"
#include "base/wait.h"
#include "tasks/verifier.h"

#include <span>
#include <string>
#include <vector>

namespace retort {

// A question whose verdict is known: what a reward is tested with before a run relies on it.
struct KnownAnswer {
  std::string what;  // "a worked answer"
  Task task;
  Completion completion;
  Outcome outcome = Outcome::kValue;
  double score = 0;  // looked at when outcome is kValue
};

// What a reward is asked: one completion of one task. Both outlive the question.
struct Question {
  const Task* task;
  const Completion* completion;
};

// How long a reward that needs a program or a service goes on asking it.
struct ScoreLimits {
  Deadline until = Deadline::never();                  // what is not asked by then is infra_error
  size_t failures_in_a_row = static_cast<size_t>(-1);  // after so many, the rest is infra_error
};

// Has no state after construction that a score depends on; score() is called from several threads
// at once and is a function of its arguments. A score is in [0, 1] unless the row of the table says
// otherwise.
class Reward {
 public:
  virtual ~Reward() = default;

  // Never throws for what a policy or a task file may contain: an answer that is wrong is {kValue,
  // 0}, a gold answer that cannot be read is kVerifierError with the reason, never a guess.
  virtual Judgement score(const Task& task, const Completion& completion) const = 0;

  // The judgements of all, in order. The same as one after the other; a reward that waits for
  // something else may have several of them under way.
  virtual std::vector<Judgement> score_all(std::span<const Question> questions,
                                           const ScoreLimits& limits) const;

  // Right, wrong and unreadable ones, under the options this reward was made with.
  virtual std::vector<KnownAnswer> known_answers() const = 0;

  // A program of the user's: it has no known answers.
  virtual bool is_users_own() const { return false; }

  // Asked once before a run relies on it: UserError at `place` when it cannot work here.
  virtual void check(const std::string& /*place*/) const {}
};

}  // namespace retort
