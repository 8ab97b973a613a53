#include "tools/retort/train_report.h"

#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>

namespace retort {
namespace {

// A word of a shell command.
std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return quoted + "'";
}

// What a user types to ask the trained model one of the tasks it was evaluated on.
std::string generate_command(const std::string& checkpoint, const std::vector<Task>& tasks) {
  const std::string generate = "tools/run.sh generate --model " + checkpoint;
  if (tasks.empty()) return generate + " --prompt TEXT --samples 4";
  const Task& task = tasks.front();
  if (task.messages.empty())
    return generate + " --prompt " + shell_quoted(task.prompt) + " --samples 4";
  std::string messages;
  for (const Message& message : task.messages)
    messages += fmt::format(R"({}{{"role": {}, "content": {}}})", messages.empty() ? "" : ", ",
                            json_quote(message.role), json_quote(message.content));
  return "printf '%s\\n' " + shell_quoted(fmt::format(R"({{"messages": [{}]}})", messages)) +
         " | " + generate + " --in - --samples 4";
}

}  // namespace

TrainReport::TrainReport(const RunConfig& config, const std::string& run_dir, bool quiet)
    : steps_(config.train.steps), run_dir_(run_dir), quiet_(quiet), line_(quiet) {}

void TrainReport::say(const std::string& text) {
  if (!quiet_) fmt::print(stderr, "{}\n", text);
}

void TrainReport::start(const TrainParts& parts, bool resumed, int64_t step) {
  first_step_ = step;
  const Policy& policy = *parts.model.policy;
  say(fmt::format("{} {}: {} ({:.2f} M parameters, {}), {} prompts x {} samples a step, {} steps",
                  resumed ? "resuming" : "run", run_dir_, parts.model.dir,
                  static_cast<double>(policy.weights().parameter_count()) / 1e6,
                  policy.on_gpu() ? "GPU" : "CPU", parts.config.train.prompts_per_step,
                  parts.config.rollout.group_size, steps_));
  if (resumed) say(fmt::format("going on after step {}", step));
}

void TrainReport::evaluation(const std::string& when, const HeldOut& held_out) {
  line_.finish();
  std::string text =
      fmt::format("{} training, {} held-out tasks:", when, held_out.narrow.all.right.size());
  for (const int64_t k : held_out.narrow.pass_at)
    text +=
        fmt::format("  pass@{} {:.3f}", k, held_out.narrow.all.pass_at(k, held_out.narrow.samples));
  if (held_out.wide)
    text += fmt::format("  pass@{} {:.3f} (on {})", held_out.wide->samples,
                        held_out.wide->all.pass_at(held_out.wide->samples, held_out.wide->samples),
                        held_out.wide->all.right.size());
  say(text + fmt::format("  mean length {:.1f}", held_out.narrow.mean_length));
  size_t shown = 0;
  for (const EvaluationResult::Shown& sample : held_out.narrow.shown) {
    if (shown++ == 3) break;
    say(fmt::format("  {} {}{}", sample.score > 0.5 ? "right" : "wrong", one_line(sample.prompt),
                    one_line(sample.completion)));
  }
}

void TrainReport::step(int64_t step, const MetricRow& row) {
  const auto value = [&](const char* name) { return row.get(name).value_or(0.0); };
  rewards_.push_back(value("critic/score/mean"));
  seconds_ += value("timing_s/step");
  const double done = static_cast<double>(rewards_.size());
  const double tokens_s = value("perf/rollout_tok_s");
  line_.update(
      fmt::format("step {}/{}  reward {:.3f}  length {:.1f}  entropy {:.4f}  mismatch "
                  "{:.0f}/{:.0f}  {:.0f} tok/s  {:.0f} s left",
                  step, steps_, rewards_.back(), value("response_length/mean"),
                  value("actor/entropy"), value("mismatch/tokens"), value("mismatch/checked"),
                  tokens_s, seconds_ / done * static_cast<double>(steps_ - step)));
}

void TrainReport::warn(const std::string& text) {
  line_.finish();
  fmt::print(stderr, "retort: warning: {}\n", text);
}

void TrainReport::finish(const std::string& checkpoint, const TrainParts& parts) {
  line_.finish();
  if (!rewards_.empty()) {
    say(fmt::format("mean reward of a step (steps {} to {}):", first_step_ + 1, steps_));
    say(plot_curve(rewards_, 60, 10));
  }
  say(fmt::format("next: {}", generate_command(checkpoint, parts.held_out)));
}

}  // namespace retort
