#include "learner/checkpoint.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "policy/checkpoint/safetensors.h"
#include "policy/hf_model.h"

#include <ATen/core/grad_mode.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace retort {
namespace {

namespace fs = std::filesystem;

fs::path checkpoints_of(const std::string& run_dir) { return fs::path(run_dir) / "checkpoints"; }

// fp32 masters on the CPU under the policy's configuration.
Weights masters_on_cpu(const Policy& policy, Optimizer& optimizer) {
  if (!policy.on_gpu()) return policy.weights();
  Weights masters = allocate_weights(policy.config());
  std::vector<at::Tensor> values;
  optimizer.for_each_state([&](const std::string& name, at::Tensor& tensor) {
    if (name.starts_with("master.")) values.push_back(tensor.cpu());
  });
  size_t next = 0;
  masters.for_each([&](Parameter& parameter) { parameter.value = values[next++]; });
  return masters;
}

// The tensors of an optimiser or a reference, as fp32.
template <class Owner>
void write_state(const fs::path& file, Owner& owner) {
  std::vector<at::Tensor> alive;
  std::vector<TensorSource> sources;
  owner.for_each_state([&](const std::string& name, at::Tensor& tensor) {
    alive.push_back(tensor.cpu().to(at::kFloat).contiguous());
    sources.push_back(
        from_f32(name, tensor.sizes().vec(), Dtype::kF32, alive.back().data_ptr<float>()));
  });
  write_safetensors(file.string(), std::move(sources));
}

template <class Owner>
void read_state(const fs::path& path, Owner& owner) {
  const SafetensorsFile file = SafetensorsFile::open(path.string());
  owner.for_each_state([&](const std::string& name, at::Tensor& tensor) {
    const TensorView& view = file.at(name);
    if (view.shape != tensor.sizes().vec())
      throw UserError(
          file.path() + ": tensor '" + name + "'",
          "has shape " + shape_text(view.shape) + ", the model " + shape_text(tensor.sizes().vec()),
          "resume with the model the run was started with");
    const bool in_place = tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
    at::Tensor host = in_place ? tensor : tensor.cpu().to(at::kFloat);
    load_f32(file.path(), view, host.data_ptr<float>());
    if (!in_place) tensor.copy_(host);
  });
}

void write_trainer(const fs::path& dir, Optimizer& optimizer, Reference* reference,
                   const TrainerState& state) {
  fs::create_directories(dir);
  write_state(dir / "state.safetensors", optimizer);
  if (reference != nullptr) write_state(dir / "reference.safetensors", *reference);
  nlohmann::ordered_json json = {{"format", 1},
                                 {"step", state.step},
                                 {"updates", state.updates},
                                 {"task_cursor", state.task_cursor},
                                 {"task_rows", state.task_rows},
                                 {"time_s", state.time_s}};
  if (state.best_value) json["best_value"] = *state.best_value;
  write_file_atomic((dir / "state.json").string(), json.dump(1) + "\n");
}

}  // namespace

std::string checkpoint_dir(const std::string& run_dir, int64_t step) {
  return (checkpoints_of(run_dir) / ("step_" + std::to_string(step))).string();
}

void save_checkpoint(const std::string& run_dir, const Policy& policy, Optimizer& optimizer,
                     Reference* reference, const TrainerState& state,
                     const std::string& source_dir) {
  at::NoGradGuard no_grad;
  const fs::path final_dir = checkpoint_dir(run_dir, state.step);
  const fs::path partial = final_dir.string() + ".partial";
  fs::create_directories(checkpoints_of(run_dir));
  fs::remove_all(partial);
  fs::create_directories(partial);
  write_hf_model(partial.string(), masters_on_cpu(policy, optimizer), source_dir);
  write_trainer(partial / "trainer", optimizer, reference, state);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(partial))
    sync_path(entry.path().string());
  sync_path(partial.string());
  fs::remove_all(final_dir);  // an incomplete one of an earlier attempt
  fs::rename(partial, final_dir);
  sync_path(checkpoints_of(run_dir).string());
  write_file_atomic((final_dir / "complete").string(), "");
}

std::vector<int64_t> checkpoint_steps(const std::string& run_dir) {
  std::vector<int64_t> steps;
  if (!fs::is_directory(checkpoints_of(run_dir))) return steps;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_of(run_dir))) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    const char* begin = name.c_str() + std::min<size_t>(5, name.size());
    const auto [end, error] = std::from_chars(begin, name.c_str() + name.size(), step);
    if (name.starts_with("step_") && error == std::errc() && *end == '\0' &&
        fs::exists(entry.path() / "complete"))
      steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

TrainerState load_trainer_state(const std::string& checkpoint, Optimizer& optimizer,
                                Reference* reference) {
  at::NoGradGuard no_grad;
  const fs::path dir = fs::path(checkpoint) / "trainer";
  read_state(dir / "state.safetensors", optimizer);
  optimizer.masters_changed();
  if (reference != nullptr) {
    read_state(dir / "reference.safetensors", *reference);
    reference->values_changed();
  }
  const std::string path = (dir / "state.json").string();
  const nlohmann::json json = nlohmann::json::parse(read_file(path), nullptr, false);
  const auto number = [&](const char* key) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_number())
      throw UserError(path, std::string("no number '") + key + "'",
                      "resume from an older checkpoint: remove this one");
    return json[key];
  };
  TrainerState state;
  state.step = number("step").get<int64_t>();
  state.updates = number("updates").get<int64_t>();
  state.task_cursor = number("task_cursor").get<uint64_t>();
  state.task_rows = number("task_rows").get<uint64_t>();
  state.time_s = number("time_s").get<double>();
  if (json.contains("best_value")) state.best_value = number("best_value").get<double>();
  optimizer.set_updates(state.updates);
  return state;
}

void link_best(const std::string& run_dir, int64_t step) {
  const fs::path link = checkpoints_of(run_dir) / "best",
                 beside = checkpoints_of(run_dir) / "best.partial";
  fs::remove(beside);
  fs::create_directory_symlink("step_" + std::to_string(step), beside);
  fs::rename(beside, link);
}

void prune_checkpoints(const std::string& run_dir, int64_t keep_last) {
  const std::vector<int64_t> steps = checkpoint_steps(run_dir);
  const fs::path link = checkpoints_of(run_dir) / "best";
  const std::string best = fs::is_symlink(link) ? fs::read_symlink(link).string() : "";
  for (int64_t i = 0; i + keep_last < static_cast<int64_t>(steps.size()); ++i) {
    if (best == "step_" + std::to_string(steps[i])) continue;
    const fs::path dir = checkpoint_dir(run_dir, steps[i]);
    fs::remove(dir / "complete");  // first: a half-removed directory is no checkpoint
    fs::remove_all(dir);
  }
  if (!fs::is_directory(checkpoints_of(run_dir))) return;
  std::vector<fs::path> partial;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_of(run_dir)))
    if (entry.path().extension() == ".partial") partial.push_back(entry.path());
  for (const fs::path& path : partial) fs::remove_all(path);
}

}  // namespace retort
