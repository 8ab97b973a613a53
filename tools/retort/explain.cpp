#include "tools/retort/explain.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace retort {
namespace {

// Both forms are written from these, so that they cannot differ.
struct Plan {
  int64_t parameters, prompts, group, samples, tokens, updates;  // of a step at most
  double weights_mb, optimizer_mb, reference_mb, page_kb;        // to a tenth
  bool gpu;
};

double tenths(double value) { return std::round(value * 10) / 10; }

Plan plan_of(const TrainParts& parts) {
  const RunConfig& config = parts.config;
  const Policy& policy = *parts.model.policy;
  constexpr double kMb = 1024.0 * 1024.0;
  Plan plan{};
  plan.gpu = policy.on_gpu();
  plan.parameters = policy.weights().parameter_count();
  plan.prompts = config.train.prompts_per_step;
  plan.group = config.rollout.group_size;
  plan.samples = plan.prompts * plan.group;
  plan.tokens = plan.samples * config.rollout.max_new_tokens;
  plan.updates = config.train.updates_per_step * config.train.epochs_per_step;
  const double weights = static_cast<double>(policy.weights().bytes()) / kMb;
  plan.weights_mb = tenths(weights);
  // fp32 gradients and two moments; on a GPU fp32 masters beside the bf16 weights, on a CPU the
  // packed copy.
  plan.optimizer_mb = tenths(static_cast<double>(plan.parameters) * 4.0 * 4.0 / kMb);
  plan.reference_mb = config.learner.kl == "none" ? 0.0 : tenths(weights * (plan.gpu ? 1.0 : 2.0));
  plan.page_kb = tenths(static_cast<double>(kv_page_bytes(policy.weights())) / 1024.0);
  return plan;
}

}  // namespace

std::string explain(const TrainParts& parts) {
  const RunConfig& config = parts.config;
  const Plan plan = plan_of(parts);
  const int64_t steps = config.train.steps;
  std::string text;
  text += fmt::format("model        {}: {} parameters, {}\n", parts.model.dir, plan.parameters,
                      plan.gpu ? "bf16 on the GPU" : "fp32 on the CPU");
  text += fmt::format(
      "a step       {} prompts x {} = {} samples, at most {} tokens each = {} tokens\n",
      plan.prompts, plan.group, plan.samples, config.rollout.max_new_tokens, plan.tokens);
  text += fmt::format(
      "updates      at most {} a step, whole groups dealt to them; {} in {} steps at most\n",
      plan.updates, plan.updates * steps, steps);
  text += fmt::format("run          {} steps, {} samples, {} prompts\n", steps,
                      plan.samples * steps, plan.prompts * steps);
  text += fmt::format("evaluation   {} held-out tasks x {} samples\n", parts.held_out.size(),
                      config.eval.samples);
  text += fmt::format("mismatch     check {}, action {}\n", config.mismatch.check,
                      config.mismatch.action);
  text += fmt::format(
      "memory       weights {:.1f} MB, gradients, moments and copies {:.1f} MB, reference {:.1f} "
      "MB, key/value page {:.1f} kB of {} tokens\n",
      plan.weights_mb, plan.optimizer_mb, plan.reference_mb, plan.page_kb, kernels::kPageTokens);
  return text;
}

std::string explain_json(const TrainParts& parts) {
  using Json = nlohmann::ordered_json;
  const RunConfig& config = parts.config;
  const Plan plan = plan_of(parts);
  const int64_t steps = config.train.steps;
  const Json json = {
      {"model",
       {{"path", parts.model.dir},
        {"parameters", plan.parameters},
        {"dtype", plan.gpu ? "bfloat16" : "float32"},
        {"device", plan.gpu ? "cuda" : "cpu"}}},
      {"step",
       {{"prompts", plan.prompts},
        {"group_size", plan.group},
        {"samples", plan.samples},
        {"max_new_tokens", config.rollout.max_new_tokens},
        {"max_tokens", plan.tokens},
        {"max_updates", plan.updates}}},
      {"run",
       {{"steps", steps},
        {"samples", plan.samples * steps},
        {"prompts", plan.prompts * steps},
        {"max_updates", plan.updates * steps}}},
      {"evaluation", {{"tasks", parts.held_out.size()}, {"samples", config.eval.samples}}},
      {"mismatch", {{"check", config.mismatch.check}, {"action", config.mismatch.action}}},
      {"memory",
       {{"weights_mb", plan.weights_mb},
        {"optimizer_mb", plan.optimizer_mb},
        {"reference_mb", plan.reference_mb},
        {"kv_page_kb", plan.page_kb},
        {"kv_page_tokens", kernels::kPageTokens}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace retort
