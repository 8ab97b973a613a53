#include "tools/retort/inspect_run.h"

#include "base/log.h"
#include "base/number.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <numeric>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

// What a reader asks first; --json has every key.
constexpr std::string_view kShownKeys[] = {"model.path",
                                           "run.seed",
                                           "run.device",
                                           "tasks.train",
                                           "tasks.eval",
                                           "rewards",
                                           "train.steps",
                                           "train.prompts_per_step",
                                           "train.updates_per_step",
                                           "train.epochs_per_step",
                                           "rollout.group_size",
                                           "rollout.temperature",
                                           "rollout.max_new_tokens",
                                           "learner.advantage",
                                           "learner.policy_loss",
                                           "learner.kl",
                                           "learner.lr",
                                           "sft.data",
                                           "sft.steps",
                                           "sft.sequences_per_step"};

constexpr size_t kPlotHeight = 8, kPlotAxis = 12, kWidestPlot = 100, kShare = 20;
constexpr double kShownShare = 0.01;  // of a step; a part below is not named
constexpr size_t kHeadTokens = 32, kTailTokens = 8;

std::string title_of(const std::string& metric) {
  if (metric == "critic/score/mean") return "reward";
  if (metric == "eval/all/pass@1") return "held-out pass@1";
  return metric == "train/loss" ? "loss" : "held-out loss";
}

double mean_of_last(const std::vector<double>& values, size_t count) {
  count = std::min(count, values.size());
  return std::accumulate(values.end() - static_cast<std::ptrdiff_t>(count), values.end(), 0.0) /
         static_cast<double>(count);
}

// A step with its checkpoint and its evaluation: what the shares are of.
double whole_seconds(const RunReport& report) {
  double whole = 0;
  for (const NamedSeconds& part : report.time)
    if (part.name == "step" || part.name == "save" || part.name == "eval") whole += part.seconds;
  return whole;
}

double share_of(const NamedSeconds& part, double whole) {
  return whole > 0 ? part.seconds / whole : 0;
}

class Text {
 public:
  explicit Text(const TextStyle& style) : style_(style) {}

  void heading(const std::string& text) {
    out_ +=
        (out_.empty() ? "" : "\n") + (style_.colours ? "\x1b[1m" + text + "\x1b[0m" : text) + "\n";
  }
  void row(const std::string& name, const std::string& text) {
    out_ += fmt::format("  {:<24} {}\n", name, one_line(text));
  }
  void line(const std::string& text) { out_ += "  " + text + "\n"; }
  // Whatever a completion holds, the terminal is not steered by it.
  void block(const std::string& text) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      out_ += "    " + one_line(text.substr(begin, end - begin)) + "\n";
      begin = end + 1;
    }
  }
  void plot(const std::vector<double>& values) {
    const size_t width = std::clamp<size_t>(style_.width, kPlotAxis + 8, kPlotAxis + kWidestPlot);
    out_ += plot_curve(values, width - kPlotAxis, kPlotHeight) + "\n";
  }
  std::string take() { return std::move(out_); }

 private:
  TextStyle style_;
  std::string out_;
};

void add_head(Text& text, const RunReport& report) {
  text.heading("run " + one_line(report.dir));
  const int64_t done = std::max<int64_t>(report.last_step, 0);
  const int64_t planned = report.planned_steps.value_or(done);
  text.row("steps",
           fmt::format("{} of {}{}", done, planned, done < planned ? ", not finished" : ""));
  if (report.started_at)
    text.row("begun", fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                                  fmt::gmtime(static_cast<std::time_t>(*report.started_at))));
  for (const auto& [name, value] :
       {std::pair("program", report.program), std::pair("numerics", report.numerics),
        std::pair("host", report.host)})
    if (!value.empty()) text.row(name, value);
  text.heading("configuration");
  const bool grpo = report.setting("sft.steps").empty();  // else the algorithm's keys are idle
  for (const std::string_view key : kShownKeys) {
    const std::string value = report.setting(key);
    if (!value.empty() && (grpo || !key.starts_with("learner.") || key == "learner.lr"))
      text.row(std::string(key), value);
  }
}

void add_curve(Text& text, const Curve& curve) {
  text.heading(fmt::format("{} ({})", title_of(curve.name), curve.name));
  text.line(
      fmt::format("{} values, steps {} to {}: first {:.4g}, last {:.4g}, mean of the last {} "
                  "{:.4g}",
                  curve.values.size(), curve.steps.front(), curve.steps.back(),
                  curve.values.front(), curve.values.back(),
                  std::min<size_t>(curve.values.size(), 10), mean_of_last(curve.values, 10)));
  text.plot(curve.values);
}

void add_times(Text& text, const RunReport& report) {
  const double whole = whole_seconds(report);
  if (whole > 0) {
    text.heading("where a step's time goes");
    for (const NamedSeconds& part : report.time) {
      if (part.name == "step") continue;
      const double share = share_of(part, whole);
      const auto marks = static_cast<size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kShare));
      text.line(fmt::format("{:<12} {:>10.4f} s {:>6.1f} %{}", part.name, part.seconds, 100 * share,
                            marks > 0 ? "  " + std::string(marks, '#') : ""));
    }
  }
  if (report.slowest.empty()) return;
  text.heading("slowest steps");
  for (const StepTime& step : report.slowest) {
    std::string parts;
    for (const NamedSeconds& part : step.parts)
      if (part.name != "step" && part.seconds > kShownShare * step.seconds)
        parts += fmt::format("  {} {:.4f}", part.name, part.seconds);
    text.line(fmt::format("step {:<8} {:>10.4f} s{}", step.step, step.seconds, parts));
  }
}

void add_counts(Text& text, const RunReport& report) {
  int64_t samples = 0;
  for (const auto& [name, count] : report.outcomes) samples += count;
  if (samples > 0) text.heading("outcomes of samples");
  for (const auto& [name, count] : report.outcomes)
    text.line(fmt::format("{:<16} {:>10} {:>6.1f} %", name, count,
                          100.0 * static_cast<double>(count) / static_cast<double>(samples)));
  if (!report.events.empty()) text.heading("events");
  for (const auto& [kind, count] : report.events)
    text.line(fmt::format("{:<16} {:>10}", one_line(kind), count));
}

std::string score_text(const std::optional<double>& score) {
  return score ? "score " + compact(*score) : "no score";
}

void add_sample(Text& text, const RunSample& sample, const TokenText& token_text) {
  text.heading(fmt::format("sample {}/{}/{}", sample.step, sample.task, sample.slot));
  if (!sample.family.empty())
    text.row("task", fmt::format("{}, level {}", sample.family, sample.level));
  text.row("answer", sample.answer);
  text.row("verdict", sample.outcome + ", " + score_text(sample.score));
  for (const RunSample::Part& part : sample.parts)
    text.row("  " + one_line(part.name),
             fmt::format("{}, {}, weight {}{}{}", part.outcome, score_text(part.score),
                         compact(part.weight), part.detail.empty() ? "" : ": ", part.detail));
  text.row("length",
           fmt::format("{} tokens after {} of the prompt, ended by {}, version {}",
                       sample.tokens.size(), sample.prompt_tokens, sample.stop,
                       sample.version_min == sample.version_max
                           ? std::to_string(sample.version_min)
                           : fmt::format("{} to {}", sample.version_min, sample.version_max)));
  text.line("prompt");
  text.block(sample.prompt);
  text.line("completion");
  text.block(sample.text);
  text.line(fmt::format("{:>8} {:>8} {:>16}  {}", "position", "id", "log-probability", "token"));
  const size_t count = sample.tokens.size();
  const bool all = count <= kHeadTokens + kTailTokens;
  for (size_t i = 0; i < count; ++i) {
    if (!all && i == kHeadTokens) {
      text.line(
          fmt::format("… {} tokens more; --json has them", count - kHeadTokens - kTailTokens));
      i = count - kTailTokens;
    }
    const SampleToken& token = sample.tokens[i];
    text.line(fmt::format("{:>8} {:>8} {:>16.9g}  {}{}", i, token.id, token.logprob,
                          one_line(token_text(token.id)), token.sampled ? "" : "  (not sampled)"));
  }
}

// ---- JSON

Json number_or_null(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? Json(*number) : Json();
}

// The double next to nine digits: written with as many, it reads back to the same fp32.
Json fp32(float value) {
  return std::isfinite(value) ? Json(std::stod(format_float(value))) : Json();
}

Json seconds_json(const std::vector<NamedSeconds>& parts) {
  Json json = Json::object();
  for (const NamedSeconds& part : parts) json[part.name] = part.seconds;
  return json;
}

Json sample_json(const RunSample& sample, const TokenText& token_text) {
  Json json = {{"step", sample.step},
               {"task", sample.task},
               {"slot", sample.slot},
               {"family", sample.family},
               {"level", sample.level},
               {"prompt", sample.prompt},
               {"answer", sample.answer},
               {"text", sample.text},
               {"stop", sample.stop},
               {"prompt_tokens", sample.prompt_tokens},
               {"version_min", sample.version_min},
               {"version_max", sample.version_max},
               {"outcome", sample.outcome},
               {"score", number_or_null(sample.score)}};
  json["parts"] = Json::array();
  for (const RunSample::Part& part : sample.parts)
    json["parts"].push_back({{"name", part.name},
                             {"weight", part.weight},
                             {"outcome", part.outcome},
                             {"score", number_or_null(part.score)},
                             {"detail", part.detail}});
  json["ids"] = json["logprobs"] = json["tokens"] = json["sampled"] = Json::array();
  for (const SampleToken& token : sample.tokens) {
    json["ids"].push_back(token.id);
    json["logprobs"].push_back(fp32(token.logprob));
    json["tokens"].push_back(token_text(token.id));
    json["sampled"].push_back(token.sampled);
  }
  return json;
}

}  // namespace

std::string run_report_text(const RunReport& report, const TokenText& token_text,
                            const TextStyle& style) {
  Text text(style);
  add_head(text, report);
  for (const Curve& curve : report.curves) add_curve(text, curve);
  add_times(text, report);
  add_counts(text, report);
  if (report.sample) add_sample(text, *report.sample, token_text);
  return text.take();
}

std::string run_report_json(const RunReport& report, const TokenText& token_text) {
  Json json = {{"run", report.dir},
               {"program", report.program},
               {"numerics", report.numerics},
               {"host", report.host},
               {"started_at", number_or_null(report.started_at)},
               {"last_step", report.last_step}};
  json["planned_steps"] = report.planned_steps ? Json(*report.planned_steps) : Json();
  json["config"] = Json::object();
  for (const auto& [key, value] : report.config) json["config"][key] = value;
  json["curves"] = Json::object();
  for (const Curve& curve : report.curves)
    json["curves"][curve.name] = {{"steps", curve.steps}, {"values", curve.values}};
  json["mean_timing_s"] = seconds_json(report.time);
  json["slowest"] = Json::array();
  for (const StepTime& step : report.slowest)
    json["slowest"].push_back(
        {{"step", step.step}, {"seconds", step.seconds}, {"timing_s", seconds_json(step.parts)}});
  json["outcomes"] = json["events"] = Json::object();
  for (const auto& [name, count] : report.outcomes) json["outcomes"][name] = count;
  for (const auto& [kind, count] : report.events) json["events"][kind] = count;
  json["sample"] = report.sample ? sample_json(*report.sample, token_text) : Json();
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace retort
