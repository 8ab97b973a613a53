#pragma once
// Evaluation: K samples of each task, scored; pass@k by family and level.
#include "base/record/task.h"
#include "rewards/score.h"
#include "tools/retort/model.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace retort {

struct EvaluationSettings {
  int64_t samples = 1;
  double temperature = 1.0;
  int64_t top_k = 0;
  double top_p = 1.0;
  int64_t max_new_tokens = 96;  // 0: 256, or what the model's positions leave
  std::string length_setting = "[rollout.max_new_tokens]";  // what an error about lengths names
  std::vector<std::string> stop;
  std::vector<int64_t> pass_at{1};  // each at most `samples`
  uint32_t seed = 0;
  int64_t max_sequences = 256;
  int64_t max_batch_tokens = 8192;
  int64_t cache_bytes = 0;
  double patience_s = 60;                    // a reward that cannot answer is asked for so long
  std::string reward_setting = "[rewards]";  // what an error about it names
  std::function<void(int64_t finished)> progress;  // hears the number of finished samples, or empty
};

// Right answers c of n samples for each task of one family or level; a score above 1/2 is right.
struct EvaluationCell {
  std::vector<int64_t> right;
  // Mean over tasks of the unbiased estimator 1 - C(n - c, k) / C(n, k) (Chen et al. 2021).
  double pass_at(int64_t k, int64_t samples) const;
  // 95 % interval of pass@1 over tasks: Wilson's score interval (Wilson 1927) of as many
  // independent samples as these are worth, p (1 - p) / variance of the mean over tasks: at least
  // one a task, at most all. Samples of one task are alike, so many of them say less than many
  // tasks.
  std::pair<double, double> ci95(int64_t samples) const;
};

struct EvaluationResult {
  int64_t samples = 1;
  std::vector<int64_t> pass_at;
  EvaluationCell all;
  std::map<std::string, EvaluationCell> families;  // of rows without a family, their source
  std::map<std::string, std::map<int32_t, EvaluationCell>> levels;
  // Tasks with a verdict that is not the policy's doing: counted here, in no statistic.
  int64_t left_out = 0;
  std::string left_out_why;  // of the first
  int64_t tokens = 0;
  double mean_length = 0;
  double seconds = 0;
  struct Shown {
    std::string prompt, completion;
    double score;
  };
  std::vector<Shown> shown;  // first sample of the first tasks, for a reader
};

// "REWARD: OUTCOME: detail" of the first part of a verdict that is not the policy's doing.
std::string fault_text(const Verdict& verdict);

// UserError at `place` when a task without a gold answer (kNoGold) meets a reward that needs one.
void check_golds(const std::vector<Task>& tasks, const RewardSet& rewards,
                 const std::string& place);

// UserError when a reward's program cannot answer: a fault is no wrong answer.
// Samples are functions of (seed, task index, slot): the same questions and the same dice each
// time.
EvaluationResult evaluate(const LoadedModel& model, const std::vector<Task>& tasks,
                          const RewardSet& rewards, const EvaluationSettings& settings);

}  // namespace retort
