#include "tools/retort/model.h"

#include "kernels/parallel.h"
#include "policy/hf_model.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <algorithm>

namespace retort {
namespace {

class DropWarnings : public c10::WarningHandler {
  void process(const c10::Warning&) override {}
};

// GEMMs may not split K by the number of rows, and backward passes are deterministic (design: one
// forward).
void fix_gpu_arithmetic() {
  DropWarnings drop;  // LibTorch calls the choice of a BLAS library experimental
  const c10::WarningUtils::WarningHandlerGuard guard(&drop);
  at::globalContext().setAllowBF16ReductionCuBLAS(false, false);
  at::globalContext().setBlasPreferredBackend(at::BlasBackend::Cublaslt);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setDeterministicAlgorithms(true, true);
}

}  // namespace

LoadedModel place_policy(Weights weights, const std::string& device) {
  LoadedModel model;
  if (device == "cuda") {
    fix_gpu_arithmetic();
    model.masters = weights;
    weights = to_device(weights, device);
  }
  model.policy = std::make_unique<Policy>(std::move(weights));
  return model;
}

LoadedModel load_policy(const std::string& path, const std::string& place,
                        const std::string& device) {
  const std::string dir = resolve_model_dir(path, place);
  const std::string target =
      resolve_device(device, place.starts_with("--") ? "--device" : "[run.device]");
  LoadedModel model = place_policy(load_weights(dir), target);
  model.dir = dir;
  return model;
}

LoadedModel load_model(const std::string& path, const std::string& place,
                       const std::string& device) {
  LoadedModel model = load_policy(path, place, device);
  model.codec = std::make_unique<PromptCodec>(model.dir, model.policy->config().eos_ids);
  return model;
}

void set_cpu_threads(int64_t threads) {
  if (threads > 0) kernels::set_threads(static_cast<int>(threads));
  at::set_num_threads(
      1);  // LibTorch holds memory and the graph; the kernels have threads of their own
}

int64_t default_new_tokens(const LoadedModel& model, int64_t longest_prompt, int64_t most) {
  return std::clamp<int64_t>(model.policy->config().max_position_embeddings - longest_prompt, 1,
                             most);
}

EngineSettings engine_settings(const LoadedModel& model) {
  EngineSettings settings;
  settings.eos_ids = model.codec->eos_ids();
  const Tokenizer* tokenizer = &model.codec->tokenizer();
  settings.decode = [tokenizer](std::span<const int32_t> ids) {
    return tokenizer->decode(ids, false);
  };
  return settings;
}

}  // namespace retort
