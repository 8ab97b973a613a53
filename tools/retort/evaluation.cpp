#include "tools/retort/evaluation.h"

#include "base/check.h"
#include "base/error.h"
#include "base/exact_math.h"
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace retort {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// 1 - C(n - c, k) / C(n, k) as a product of k factors.
double unbiased_pass_at(int64_t n, int64_t c, int64_t k) {
  if (n - c < k) return 1.0;
  double miss = 1.0;
  for (int64_t i = 0; i < k; ++i)
    miss *= static_cast<double>(n - c - i) / static_cast<double>(n - i);
  return 1.0 - miss;
}

}  // namespace

std::string fault_text(const Verdict& verdict) {
  for (const VerdictPart& part : verdict.parts)
    if (!is_policys_doing(part.outcome))
      return part.name + ": " + std::string(outcome_name(part.outcome)) +
             (part.detail.empty() ? "" : ": " + part.detail);
  return std::string(outcome_name(verdict.outcome));
}

void check_golds(const std::vector<Task>& tasks, const RewardSet& rewards,
                 const std::string& place) {
  for (const Task& task : tasks) {
    if (task.answer != kNoGold) continue;
    const Verdict verdict = rewards.score({}, task, Completion{});
    if (verdict.outcome != Outcome::kVerifierError) continue;
    const std::string& prompt = task.messages.empty() ? task.prompt : task.messages.back().content;
    throw UserError(place,
                    "the row with the prompt " + json_quote(prompt) + " has no gold answer (" +
                        fault_text(verdict) + ")",
                    "give the row an answer, name its key with the setting for answers, or take a "
                    "reward that needs none");
  }
}

double EvaluationCell::pass_at(int64_t k, int64_t samples) const {
  double sum = 0;
  for (const int64_t c : right) sum += unbiased_pass_at(samples, c, k);
  return right.empty() ? 0.0 : sum / static_cast<double>(right.size());
}

std::pair<double, double> EvaluationCell::ci95(int64_t samples) const {
  constexpr double z = 1.959963984540054;
  const double n = static_cast<double>(right.size());
  if (right.empty()) return {0.0, 1.0};
  const double p = pass_at(1, samples);
  double squares = 0;
  for (const int64_t c : right) {
    const double each = static_cast<double>(c) / static_cast<double>(samples) - p;
    squares += each * each;
  }
  const double variance = n > 1 ? squares / (n - 1) / n : 0.0;  // of the mean over tasks
  const double worth =
      variance > 0 ? std::clamp(p * (1 - p) / variance, n, n * static_cast<double>(samples)) : n;
  const double centre = (p + z * z / (2 * worth)) / (1 + z * z / worth);
  const double half =
      z / (1 + z * z / worth) * exact::sqrt(p * (1 - p) / worth + z * z / (4 * worth * worth));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

EvaluationResult evaluate(const LoadedModel& model, const std::vector<Task>& tasks,
                          const RewardSet& rewards, const EvaluationSettings& settings) {
  EngineSettings engine_options = engine_settings(model);
  engine_options.sampling = {settings.temperature, settings.top_k, settings.top_p, settings.seed,
                             Purpose::kEvaluation};
  engine_options.length_setting = settings.length_setting;
  engine_options.stop = settings.stop;
  engine_options.max_sequences = settings.max_sequences;
  engine_options.max_batch_tokens = settings.max_batch_tokens;
  engine_options.cache_bytes = settings.cache_bytes;
  std::vector<GroupRequest> requests;
  for (size_t t = 0; t < tasks.size(); ++t) {
    requests.push_back({{0, static_cast<uint32_t>(t), 0, 0},
                        tasks[t].uid,
                        model.codec->encode(tasks[t]),
                        settings.samples});
    engine_options.max_length =
        std::max(engine_options.max_length, static_cast<int64_t>(requests.back().prompt.size()));
  }
  engine_options.max_new_tokens = settings.max_new_tokens > 0
                                      ? settings.max_new_tokens
                                      : default_new_tokens(model, engine_options.max_length, 256);
  engine_options.max_length += engine_options.max_new_tokens;
  EvaluationResult result;
  result.samples = settings.samples;
  for (const int64_t k : settings.pass_at)
    if (k <= settings.samples) result.pass_at.push_back(k);
  const double started = seconds_now();
  Engine engine(*model.policy, engine_options);
  const std::vector<Sample> samples = engine.run(requests, settings.progress);
  result.seconds = seconds_now() - started;
  RT_CHECK_EQ(samples.size(), tasks.size() * static_cast<size_t>(settings.samples));

  std::vector<ScoreRequest> questions;
  for (size_t i = 0; i < samples.size(); ++i)
    questions.push_back({samples[i].id, &tasks[i / static_cast<size_t>(settings.samples)],
                         model.codec->completion(samples[i])});
  const std::vector<Verdict> verdicts = rewards.score_patiently(questions, settings.patience_s);
  for (const Verdict& verdict : verdicts)
    for (const VerdictPart& part : verdict.parts)
      if (part.outcome == Outcome::kInfraError)
        throw UserError(settings.reward_setting,
                        fmt::format("no score of an evaluated sample within {} s; {}: {}",
                                    settings.patience_s, part.name, part.detail),
                        "mend the program and try again");

  for (size_t t = 0; t < tasks.size(); ++t) {
    int64_t right = 0;
    std::optional<std::string> fault;
    for (int64_t slot = 0; slot < settings.samples; ++slot) {
      const size_t index = t * static_cast<size_t>(settings.samples) + static_cast<size_t>(slot);
      const Sample& sample = samples[index];
      const Verdict& verdict = verdicts[index];
      if (!is_policys_doing(verdict.outcome) && !fault) fault = fault_text(verdict);
      right += verdict.score > 0.5 ? 1 : 0;
      result.tokens += sample.completion_length();
      if (slot == 0 && result.shown.size() < 16) {
        const std::string prompt =
            tasks[t].messages.empty() ? tasks[t].prompt : tasks[t].messages.back().content;
        result.shown.push_back({prompt, model.codec->readable(sample), verdict.score});
      }
    }
    if (fault) {
      if (result.left_out++ == 0) result.left_out_why = *fault;
      continue;
    }
    result.all.right.push_back(right);
    const std::string& family = tasks[t].family.empty() ? tasks[t].source : tasks[t].family;
    result.families[family].right.push_back(right);
    result.levels[family][tasks[t].level].right.push_back(right);
  }
  result.mean_length =
      static_cast<double>(result.tokens) / static_cast<double>(std::max<size_t>(samples.size(), 1));
  return result;
}

}  // namespace retort
