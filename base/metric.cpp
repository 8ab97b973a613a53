#include "base/metric.h"

#include "base/check.h"
#include "base/json.h"
#include "base/number.h"

#include <algorithm>
#include <cmath>

namespace retort {
namespace {

constexpr MetricInfo kMetrics[] = {
    {"step", "", true,
     "number of the step, from 1; 0 is the line of the evaluation before any update"},
    {"time_s", "s", false, "seconds since the first step began, without evaluation"},
    {"critic/score/mean", "", true,
     "mean score of all samples of the first wave, before any group is dropped"},
    {"critic/score/std", "", true, "standard deviation of the same scores"},
    {"actor/pg_loss", "", true,
     "policy loss, mean over the step's updates; null when the step made no update"},
    {"actor/kl_loss", "nats", true,
     "KL term before kl_coef, mean over the updates; only with a reference"},
    {"actor/entropy", "nats", true,
     "mean entropy of the distributions sampled from, over the updates' tokens"},
    {"actor/grad_norm", "", true, "norm of the gradient before clipping, mean over the updates"},
    {"actor/lr", "", true, "learning rate of the step"},
    {"actor/pg_clipfrac", "", true, "share of tokens whose probability ratio was clipped"},
    {"actor/off_policy_masked", "sequences", true,
     "bad sequences that left the policy term; only with off_policy_mask_threshold"},
    {"response_length/mean", "tokens", true, "mean length of the completions"},
    {"response_length/max", "tokens", true, "longest completion"},
    {"response_length/clip_ratio", "", true, "share of completions that ended at the length limit"},
    {"mismatch/tokens", "tokens", true,
     "sampled tokens whose log-probability differs in any bit from the learner's"},
    {"mismatch/checked", "tokens", true,
     "sampled tokens that were compared; a gate that checked nothing has failed"},
    {"mismatch/max_abs", "nats", true, "largest difference of the compared log-probabilities"},
    {"staleness/mean", "versions", true,
     "mean age of the version that sampled a token, in versions"},
    {"staleness/max", "versions", true, "largest age of a sampled token"},
    {"reward/PART/mean", "", true,
     "mean score of one part of the reward, over the samples it decided"},
    {"outcome/NAME", "samples", true,
     "samples with this outcome; a count for each outcome there is"},
    {"groups/kept", "groups", true, "groups that the updates saw"},
    {"groups/zero_variance", "groups", true, "groups whose samples all have the same score"},
    {"groups/refilled", "groups", true, "groups sampled in place of dropped ones"},
    {"groups/replaced", "groups", true,
     "groups that no reward could be had for in time, each replaced by the next task; only where "
     "there are any"},
    {"eval/FAMILY/pass@K", "", true,
     "held-out tasks solved by one of K samples (unbiased estimate); `all`: every family"},
    {"train/loss", "nats", true, "`retort sft`: mean loss of a token of the step"},
    {"train/grad_norm", "", true, "`retort sft`: norm of the gradient before clipping"},
    {"train/lr", "", true, "`retort sft`: learning rate of the step"},
    {"train/tokens", "tokens", true, "`retort sft`: tokens with a loss"},
    {"val/loss", "nats", true, "`retort sft`: mean loss of a token of sft.eval_data"},
    {"timing_s/rollout", "s", false, "sampling"},
    {"timing_s/reward", "s", false, "scoring"},
    {"timing_s/train", "s", false, "forward, backward and optimiser"},
    {"timing_s/publish", "s", false, "handing the new weights to the rollout"},
    {"timing_s/save", "s", false, "writing a checkpoint"},
    {"timing_s/eval", "s", false, "evaluation"},
    {"timing_s/step", "s", false, "the whole step"},
    {"perf/rollout_tok_s", "tokens/s", false, "sampled tokens per second of sampling"},
    {"perf/train_tok_s", "tokens/s", false, "tokens of the updates per second of training"},
    {"perf/mfu", "", false,
     "parameters x (6 x tokens trained on, prompts too, + 2 x tokens only compared) a second of "
     "training, over the peak "
     "measured when the run began"},
    {"perf/memory_gb", "GB", false,
     "peak memory of the process, or of the device where there is one"},
};

bool is_placeholder(std::string_view part) {
  return std::all_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool part_matches(std::string_view pattern, std::string_view part) {
  if (part.empty()) return false;
  if (is_placeholder(pattern)) return true;
  if (!pattern.ends_with("@K")) return pattern == part;
  const std::string_view head = pattern.substr(0, pattern.size() - 1);
  return part.starts_with(head) && part.size() > head.size() &&
         part.substr(head.size()).find_first_not_of("0123456789") == std::string_view::npos;
}

// A placeholder before others takes as many parts as they leave: a reward's name may hold a path.
bool matches(std::string_view pattern, std::string_view name) {
  const size_t pattern_end = pattern.find('/');
  const std::string_view head = pattern.substr(0, pattern_end);
  for (size_t name_end = name.find('/');; name_end = name.find('/', name_end + 1)) {
    const bool here = part_matches(head, name.substr(0, name_end));
    if (pattern_end == std::string_view::npos || name_end == std::string_view::npos)
      return here && pattern_end == name_end;
    if (here && matches(pattern.substr(pattern_end + 1), name.substr(name_end + 1))) return true;
    if (!is_placeholder(head)) return false;
  }
}

}  // namespace

std::span<const MetricInfo> metric_table() { return kMetrics; }

const MetricInfo* find_metric(std::string_view name) {
  for (const MetricInfo& metric : kMetrics)
    if (matches(metric.name, name)) return &metric;
  return nullptr;
}

std::string metric_markdown() {
  std::string out = "| metric | unit | deterministic | meaning |\n|---|---|---|---|\n";
  for (const MetricInfo& metric : kMetrics)
    out += "| `" + std::string(metric.name) + "` | " + std::string(metric.unit) + " | " +
           (metric.deterministic ? "yes" : "no") + " | " + std::string(metric.meaning) + " |\n";
  return out;
}

void MetricRow::set(std::string_view name, std::optional<double> value) {
  if (value)
    add(name, *value);
  else
    set_null(name);
}

void MetricRow::add(std::string_view name, Value value) {
  RT_CHECK(find_metric(name) != nullptr) << "metric '" << name << "' is not in the table";
  for (const Entry& entry : entries_)
    RT_CHECK(entry.name != name) << "metric '" << name << "' was set twice";
  entries_.push_back({std::string(name), value});
}

std::optional<double> MetricRow::get(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.name != name) continue;
    if (const auto* integer = std::get_if<int64_t>(&entry.value))
      return static_cast<double>(*integer);
    if (const auto* number = std::get_if<double>(&entry.value)) return *number;
  }
  return std::nullopt;
}

std::string MetricRow::json() const {
  std::string out = "{";
  for (const Entry& entry : entries_) {
    if (out.size() > 1) out += ", ";
    out += json_quote(entry.name) + ": ";
    if (const auto* integer = std::get_if<int64_t>(&entry.value))
      out += std::to_string(*integer);
    else if (const auto* number = std::get_if<double>(&entry.value);
             number && std::isfinite(*number))
      out += shortest(*number);
    else
      out += "null";
  }
  return out + "}";
}

}  // namespace retort
