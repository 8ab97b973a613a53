#include "tools/retort/explain.h"

#include <fmt/format.h>

namespace retort {

std::string explain(const TrainParts& parts) {
  const RunConfig& config = parts.config;
  const Policy& policy = *parts.model.policy;
  const int64_t prompts = config.train.prompts_per_step, group = config.rollout.group_size;
  const int64_t samples = prompts * group;
  const double mb = 1024.0 * 1024.0;
  const double weights = static_cast<double>(policy.weights().bytes()) / mb;
  const double parameters = static_cast<double>(policy.weights().parameter_count());
  const bool gpu = policy.on_gpu();
  // fp32 gradients and two moments; on a GPU fp32 masters beside the bf16 weights, on a CPU the
  // packed copy.
  const double optimizer = parameters * 4.0 * 3.0 / mb + parameters * 4.0 / mb;
  const double reference = config.learner.kl == "none" ? 0.0 : weights * (gpu ? 1.0 : 2.0);
  std::string text;
  text += fmt::format("model        {}: {:.2f} M parameters, {}\n", parts.model.dir,
                      parameters / 1e6, gpu ? "bf16 on the GPU" : "fp32 on the CPU");
  text += fmt::format(
      "a step       {} prompts x {} = {} samples, at most {} tokens each = {} tokens\n", prompts,
      group, samples, config.rollout.max_new_tokens, samples * config.rollout.max_new_tokens);
  text += fmt::format(
      "updates      at most {} a step, whole groups dealt to them; {} in {} steps at most\n",
      config.train.updates_per_step, config.train.updates_per_step * config.train.steps,
      config.train.steps);
  text += fmt::format("run          {} steps, {} samples, {} prompts\n", config.train.steps,
                      samples * config.train.steps, prompts * config.train.steps);
  text += fmt::format("evaluation   {} held-out tasks x {} samples\n", parts.held_out.size(),
                      config.eval.samples);
  text += fmt::format("mismatch     check {}, action {}\n", config.mismatch.check,
                      config.mismatch.action);
  text += fmt::format(
      "memory       weights {:.1f} MB, gradients, moments and copies {:.1f} MB, reference {:.1f} "
      "MB, "
      "key/value page {:.1f} kB of {} tokens\n",
      weights, optimizer, reference, static_cast<double>(kv_page_bytes(policy.weights())) / 1024.0,
      kernels::kPageTokens);
  return text;
}

}  // namespace retort
