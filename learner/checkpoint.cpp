#include "learner/checkpoint.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/record/weights_digest.h"
#include "policy/checkpoint/mapped_file.h"
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
#include <utility>

namespace retort {
namespace {

namespace fs = std::filesystem;

fs::path checkpoints_of(const std::string& run_dir) { return fs::path(run_dir) / "checkpoints"; }

std::string step_name(int64_t step) { return "step_" + std::to_string(step); }

// N of "step_N".
std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with("step_")) return std::nullopt;
  int64_t step = 0;
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + 5, last, step);
  return error == std::errc() && end == last ? std::optional(step) : std::nullopt;
}

constexpr const char* kRemoveIt = "remove this checkpoint and resume from an older one";

// trainer/state.json of a checkpoint.
class StateFile {
 public:
  explicit StateFile(const std::string& path)
      : path_(path), json_(nlohmann::json::parse(read_file(path), nullptr, false)) {
    if (!json_.is_object()) throw UserError(path, "is no JSON object", kRemoveIt);
  }
  bool has(const char* key) const { return json_.contains(key); }
  double number(const char* key) const {
    const nlohmann::json value = json_.value(key, nlohmann::json());
    if (!value.is_number()) refuse(key, "number");
    return value.get<double>();
  }
  // "" when there is none.
  std::string text(const char* key) const {
    const nlohmann::json value = json_.value(key, nlohmann::json());
    return value.is_string() ? value.get<std::string>() : "";
  }
  // Neither negative nor broken nor too large.
  template <class Integer = int64_t>
  Integer whole(const char* key) const {
    const nlohmann::json value = json_.value(key, nlohmann::json());
    if (!value.is_number_unsigned() || !std::in_range<Integer>(value.get<uint64_t>()))
      refuse(key, "whole number");
    return value.get<Integer>();
  }

 private:
  [[noreturn]] void refuse(const char* key, const char* kind) const {
    throw UserError(path_, std::string("no ") + kind + " '" + key + "'", kRemoveIt);
  }
  const std::string path_;
  const nlohmann::json json_;
};

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

// Digest of a file's bytes.
std::string digest_of(const fs::path& file) {
  const MappedFile mapped(file.string());
  WeightsDigest digest;
  digest.add({file.filename().string(), "", {}}, mapped.bytes().data(), mapped.bytes().size());
  return digest.hex();
}

// `digest` as written beside the state; "" of a version of the program that wrote none.
template <class Owner>
void read_state(const fs::path& path, const std::string& digest, Owner& owner) {
  if (!digest.empty() && digest_of(path) != digest)
    throw UserError(path.string(), "is damaged: its bytes are not those that were written",
                    kRemoveIt);
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
  json["digest"] = digest_of(dir / "state.safetensors");
  if (reference != nullptr) json["reference_digest"] = digest_of(dir / "reference.safetensors");
  if (state.best_step) json["best_step"] = *state.best_step;
  if (state.best_value) json["best_value"] = *state.best_value;
  if (state.interim) write_file_atomic((dir / "interim").string(), "");
  write_file_atomic((dir / "state.json").string(), json.dump(1) + "\n");
}

}  // namespace

std::string checkpoint_dir(const std::string& run_dir, int64_t step) {
  return (checkpoints_of(run_dir) / step_name(step)).string();
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
    const std::optional<int64_t> step = step_of(entry.path().filename().string());
    if (step && fs::exists(entry.path() / "complete")) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

TrainerState read_trainer_state(const std::string& checkpoint) {
  const std::string path = (fs::path(checkpoint) / "trainer" / "state.json").string();
  const StateFile file(path);
  TrainerState state;
  state.step = file.whole("step");
  state.updates = file.whole("updates");
  state.task_cursor = file.whole<uint64_t>("task_cursor");
  state.task_rows = file.whole<uint64_t>("task_rows");
  state.time_s = file.number("time_s");
  if (file.has("best_step")) state.best_step = file.whole("best_step");
  if (state.best_step && *state.best_step > state.step)
    throw UserError(path, "'best_step' is after 'step'", kRemoveIt);
  if (file.has("best_value")) state.best_value = file.number("best_value");
  state.interim = fs::exists(fs::path(checkpoint) / "trainer" / "interim");
  if (fs::path(checkpoint).filename() != step_name(state.step))
    throw UserError(path, "is of step " + std::to_string(state.step), kRemoveIt);
  return state;
}

TrainerState load_trainer_state(const std::string& checkpoint, Optimizer& optimizer,
                                Reference* reference) {
  at::NoGradGuard no_grad;
  const TrainerState state = read_trainer_state(checkpoint);
  const fs::path dir = fs::path(checkpoint) / "trainer";
  const StateFile file((dir / "state.json").string());
  read_state(dir / "state.safetensors", file.text("digest"), optimizer);
  optimizer.masters_changed();
  if (reference != nullptr) {
    read_state(dir / "reference.safetensors", file.text("reference_digest"), *reference);
    reference->values_changed();
  }
  optimizer.set_updates(state.updates);
  return state;
}

void link_best(const std::string& run_dir, int64_t step) {
  const std::string link = (checkpoints_of(run_dir) / "best").string();
  if (fs::is_symlink(link) && fs::read_symlink(link) == step_name(step)) return;
  replace_link(link, step_name(step));
}

void prune_checkpoints(const std::string& run_dir, int64_t keep_last) {
  const fs::path link = checkpoints_of(run_dir) / "best";
  const std::string best = fs::is_symlink(link) ? fs::read_symlink(link).string() : "";
  const auto remove = [&](int64_t step) {
    const fs::path dir = checkpoint_dir(run_dir, step);
    fs::remove(dir / "complete");  // first: a half-removed directory is no checkpoint
    fs::remove_all(dir);
  };
  std::vector<int64_t> due;  // interim ones do not count
  const std::vector<int64_t> steps = checkpoint_steps(run_dir);
  for (const int64_t step : steps) {
    if (!fs::exists(fs::path(checkpoint_dir(run_dir, step)) / "trainer" / "interim"))
      due.push_back(step);
    else if (step != steps.back())
      remove(step);
  }
  for (int64_t i = 0; i + keep_last < static_cast<int64_t>(due.size()); ++i)
    if (best != step_name(due[i])) remove(due[i]);
  if (!fs::is_directory(checkpoints_of(run_dir))) return;
  // What a kill left: of a checkpoint that was being written, or that was being removed.
  for (const std::string& name : list_folder(checkpoints_of(run_dir).string())) {
    const fs::path path = checkpoints_of(run_dir) / name;
    const bool half = step_of(name) && !fs::exists(path / "complete");
    if (half || name.ends_with(".partial")) fs::remove_all(path);
  }
}

}  // namespace retort
