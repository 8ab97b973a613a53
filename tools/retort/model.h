#pragma once
// A model argument, loaded: weights on their device, tokenizer and template.
#include "policy/policy.h"
#include "rollout/engine.h"
#include "rollout/prompt_codec.h"

#include <memory>
#include <optional>
#include <string>

namespace retort {

struct LoadedModel {
  std::string dir;  // the Hugging Face directory that was meant
  // fp32, only where the policy computes with roundings of them (GPU)
  std::optional<Weights> masters;
  std::unique_ptr<Policy> policy;
  std::unique_ptr<PromptCodec> codec;
};

// `device`: auto, cpu, cuda. Errors name `place`.
// The policy of fp32 weights on the CPU, on its device ("cpu", "cuda"); no directory, no codec.
LoadedModel place_policy(Weights weights, const std::string& device);
LoadedModel load_policy(const std::string& path, const std::string& place,
                        const std::string& device);  // no codec
LoadedModel load_model(const std::string& path, const std::string& place,
                       const std::string& device);

// Threads of kernels and LibTorch; 0: all cores.
void set_cpu_threads(int64_t threads);

// New tokens when the user asked for no number: `most`, less where the model's positions leave less
// behind the prompt.
int64_t default_new_tokens(const LoadedModel& model, int64_t longest_prompt, int64_t most);

// Engine settings that follow from the model; sampling and lengths are the caller's.
EngineSettings engine_settings(const LoadedModel& model);

}  // namespace retort
