#include "tools/retort/run_config.h"

#include "base/error.h"
#include "base/metric.h"

#include <algorithm>

namespace retort {

namespace {

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const MetricInfo& metric : metric_table()) names.emplace_back(metric.name);
  return names;
}

}  // namespace

void RunConfig::bind(config::Binder& binder) {
  binder.section("run", run, "what every part of the run shares");
  binder.section("model", model, "the base checkpoint");
  binder.section("tasks", tasks, "what is practised and what is held out");
  binder.list("rewards", rewards, "weighted sum of these");
  binder.section("rollout", rollout, "how samples are drawn");
  binder.section("learner", learner, "the algorithm and the optimiser");
  binder.section("train", train, "the loop");
  binder.section("mismatch", mismatch, "the gate of one forward: rollout and learner bits");
  binder.section("eval", eval, "held-out evaluation");
}

void RunConfig::validate() const {
  if (model.path.empty())
    throw UserError("[model.path]", "not set", "name a Hugging Face directory");
  if (tasks.train.empty())
    throw UserError("[tasks.train]", "not set", "name a family, as chain_sum:1-6:train, or a file");
  if (rewards.empty())
    throw UserError("[rewards]", "empty",
                    "name at least one reward: rewards = [{ name = \"task\" }]");
  if (learner.kl == "none" && learner.reference_refresh_steps > 0)
    throw UserError("[learner.reference_refresh_steps]", "set, but learner.kl is \"none\"",
                    "set learner.kl to k3, say, or this to 0");
  if (learner.clip_ratio_c > 0 && learner.clip_ratio_c <= 1.0 + learner.clip_high)
    throw UserError("[learner.clip_ratio_c]", "not above 1 + learner.clip_high",
                    "set it to 3, say, or to 0 for none");
  if (!find_metric(train.best_metric))
    throw UserError("[train.best_metric]",
                    "got '" + train.best_metric + "', which is no metric" +
                        did_you_mean(train.best_metric, metric_names()),
                    "take a name of docs/metrics.md, as eval/all/pass@1");
  constexpr int64_t kMostSamples = 1 << 24;  // of a step: they are held in memory together
  if (train.prompts_per_step > kMostSamples / rollout.group_size)
    throw UserError("[train.prompts_per_step]",
                    "got " + std::to_string(train.prompts_per_step) + ", with " +
                        std::to_string(rollout.group_size) + " samples each more than " +
                        std::to_string(kMostSamples) + " samples a step",
                    "set it to " + std::to_string(kMostSamples / rollout.group_size) + " or less");
  if (rollout.max_batch_tokens < rollout.max_sequences)
    throw UserError(
        "[rollout.max_batch_tokens]",
        "got " + std::to_string(rollout.max_batch_tokens) + ", less than rollout.max_sequences",
        "set it to " + std::to_string(rollout.max_sequences) + " or more");
}

std::string RunConfig::resolved() {
  config::Binder binder;
  bind(binder);
  return binder.resolved();
}

RunConfig load_run_config(const std::string& path, const std::vector<std::string>& assignments) {
  for (const config::Entry& section : config::read_document(path).table)
    if (section.key == "sft")
      throw UserError(path, "is a configuration of retort sft", "run retort sft " + path);
  return config::load<RunConfig>(path, assignments);
}

namespace {

// What may change between a run and its continuation, or between a learner and its workers, is as
// nobody set it.
void forget_free_settings(RunConfig& config) {
  config.run.threads = 0;
  config.model.path = "";
  config.eval = EvalSection{};
  config.tasks.eval = "";
  config.train.eval_every = config.train.save_every = 0;
  config.train.keep_last = 1;
  config.train.group_deadline_s = 0;
  config.train.sample_deadline_s = 1;
  config.train.best_metric = "";
  config.learner.micro_batch_tokens = 1;
}

}  // namespace

std::string deciding_settings(RunConfig config) {
  forget_free_settings(config);
  return config.resolved();
}

std::string first_difference(RunConfig a, RunConfig b) {
  for (RunConfig* config : {&a, &b}) forget_free_settings(*config);
  return config::first_difference(a, b);
}

}  // namespace retort
