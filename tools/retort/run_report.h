#pragma once
// What `retort inspect RUN` says of a run: read from run.db, for a run of `retort sft` from
// config.toml and metrics.jsonl; nothing is written and no lock is taken, so the run may be going
// on. No LibTorch.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

struct Curve {
  std::string name;  // of the metric
  std::vector<int64_t> steps;
  std::vector<double> values;  // as many; steps where it is null have none
};

struct NamedSeconds {
  std::string name;  // "rollout" of timing_s/rollout
  double seconds = 0;
};

struct StepTime {
  int64_t step = 0;
  double seconds = 0;  // timing_s/step; without it the difference to the time_s before
  std::vector<NamedSeconds> parts;
};

struct SampleToken {
  int32_t id = 0;
  float logprob = 0;
  bool sampled = true;  // by the policy; false for a tool's result
};

struct RunSample {
  int64_t step = 0, task = 0, slot = 0;
  std::string family;
  int64_t level = 0;
  std::string prompt;  // or the chat as JSON
  std::string answer, text, stop;
  int64_t prompt_tokens = 0, version_min = 0, version_max = 0;
  std::string outcome;
  std::optional<double> score;
  struct Part {
    std::string name;
    double weight = 0;
    std::string outcome;
    std::optional<double> score;
    std::string detail;
  };
  std::vector<Part> parts;
  std::vector<SampleToken> tokens;
};

struct RunReport {
  std::string dir;
  std::string program, numerics, host;  // "" for a run of `retort sft`
  std::optional<double> started_at;     // s since 1970
  int64_t last_step = -1;               // finished; -1: none
  std::optional<int64_t> planned_steps;
  // "rollout.group_size" and its TOML text, in the order of the file
  std::vector<std::pair<std::string, std::string>> config;
  std::vector<Curve> curves;       // reward, pass@1 and losses, those that have a value
  std::vector<NamedSeconds> time;  // mean of a step for each timing_s/…, `step` among them
  std::vector<StepTime> slowest;   // longest first
  std::vector<std::pair<std::string, int64_t>> outcomes;  // samples, most frequent first
  std::vector<std::pair<std::string, int64_t>> events;    // of each kind
  std::optional<RunSample> sample;

  // The config's text under a key; "" when it has none.
  std::string setting(std::string_view key) const;
};

// Whether `path` is meant as a run: run.db, or config.toml with metrics.jsonl, and no model.
bool is_run_dir(const std::string& path);

// `sample`: "STEP/TASK/SLOT"; empty: the first of the last step. UserError when the run is damaged,
// foreign or of another schema, and at --sample when it has no such sample.
RunReport read_run_report(const std::string& run_dir, const std::string& sample,
                          size_t slowest_steps = 5);

}  // namespace retort
