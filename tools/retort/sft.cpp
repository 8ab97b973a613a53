// retort sft: supervised fine-tuning on prompt and completion; also makes the tiny base.
#include "learner/sft.h"

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/metric.h"
#include "learner/checkpoint.h"
#include "learner/event_file.h"
#include "learner/run_lock.h"
#include "learner/run_views.h"
#include "learner/schedule.h"
#include "policy/hf_model.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/model.h"
#include "tools/retort/run_directory.h"
#include "tools/retort/sft_data.h"
#include "tools/retort/stopwatch.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sstream>

namespace retort {
namespace {

LoadedModel start_model(const SftConfig& config) {
  if (config.model.start == "weights")
    return load_model(config.model.path, "[model.path]", config.run.device);
  if (resolve_device(config.run.device, "[run.device]") == "cuda")
    throw UserError("[run.device]", "a random start runs on a CPU", "set run.device to \"cpu\"");
  LoadedModel model;
  model.dir = config.model.path;
  Weights weights = allocate_weights(ModelConfig::from_dir(model.dir));
  initialise_weights(weights, config.run.seed);
  model.policy = std::make_unique<Policy>(std::move(weights));
  model.codec = std::make_unique<PromptCodec>(model.dir, model.policy->config().eos_ids);
  return model;
}

std::string metrics_path(const std::string& run_dir) { return run_dir + "/metrics.jsonl"; }

MetricRow metric_row(const nlohmann::ordered_json& object) {
  MetricRow row;
  for (const auto& [name, value] : object.items()) {
    if (find_metric(name) == nullptr) continue;
    if (value.is_number_integer())
      row.set(name, value.get<int64_t>());
    else if (value.is_number())
      row.set(name, value.get<double>());
    else
      row.set_null(name);
  }
  return row;
}

// metrics.jsonl and its event file with the lines up to `step`; what a kill left after them is
// computed again.
void rewrite_metrics(const std::string& run_dir, int64_t step) {
  std::string kept;
  EventFile events(run_dir);
  std::istringstream lines(read_file(metrics_path(run_dir)));
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!object.is_object() || object.value("step", int64_t{-1}) > step) break;
    kept += line + "\n";
    events.add(metric_row(object));
  }
  write_file_atomic(metrics_path(run_dir), kept);
  events.replace();
}

// Begins the run, or reads where it stands.
TrainerState open_run(const RunPlace& place, SftConfig& config, Optimizer& optimizer,
                      uint64_t rows) {
  const std::vector<int64_t> steps =
      place.resumed ? checkpoint_steps(place.dir) : std::vector<int64_t>();
  TrainerState state;
  if (!steps.empty())
    state = load_trainer_state(checkpoint_dir(place.dir, steps.back()), optimizer, nullptr);
  if (!steps.empty() && state.task_rows != rows)
    throw UserError(
        "[sft.data]",
        "the rows of '" + config.sft.data + "' are not those that the run was trained on so far",
        "put the file back as it was, or start a new run");
  state.task_rows = rows;
  if (!place.resumed) write_file_atomic(place.dir + "/config.toml", config.resolved());
  if (steps.empty())
    begin_metrics_view(place.dir);
  else
    rewrite_metrics(place.dir, state.step);
  return state;
}

void check_same_config(const SftConfig& config, const RunPlace& place) {
  if (!place.resumed) return;
  const std::string path = place.dir + "/config.toml";
  const std::string difference = first_difference(config, load_sft_config(path, {}));
  if (!difference.empty())
    throw UserError("[" + difference + "]", "differs from the run in " + place.dir,
                    "set it as in " + path + ", or start a new run");
}

bool due(int64_t every, int64_t step, int64_t steps) {
  return step == steps || (every > 0 && step % every == 0);
}

struct Parts {
  SftConfig config;
  LoadedModel model;
  std::unique_ptr<SftData> data;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<SftTrainer> trainer;
};

// Everything a user can get wrong is found here, before anything is written.
void build_parts(Parts& parts) {
  const SftConfig& config = parts.config;
  set_cpu_threads(config.run.threads);
  parts.model = start_model(config);
  Policy& policy = *parts.model.policy;
  parts.data = std::make_unique<SftData>(config, *parts.model.codec,
                                         policy.config().max_position_embeddings);
  parts.optimizer = std::make_unique<Optimizer>(
      policy, config.learner, parts.model.masters ? &*parts.model.masters : nullptr);
  parts.trainer =
      std::make_unique<SftTrainer>(policy, *parts.optimizer, config.learner.micro_batch_tokens);
}

MetricRow step_row(int64_t step, double time_s, const SftStep& result, double lr) {
  MetricRow row;
  row.set("step", step);
  row.set("time_s", time_s);
  row.set("train/loss", result.loss);
  row.set("train/grad_norm", result.grad_norm);
  row.set("train/lr", lr);
  row.set("train/tokens", result.tokens);
  return row;
}

// The checkpoint at the end.
std::string run(Parts& parts, const RunPlace& place, const std::string& config_path,
                const std::vector<std::string>& assignments, bool quiet) {
  make_folder(place.dir);
  const RunLock lock(place.dir);
  SftConfig& config = parts.config;
  const SftSection& sft = config.sft;
  const Schedule schedule{config.learner.lr_schedule, config.learner.lr,
                          config.learner.lr_warmup_steps, sft.steps, config.learner.lr_final_ratio};
  TrainerState state = open_run(place, config, *parts.optimizer, parts.data->rows_digest());
  prune_checkpoints(place.dir, sft.keep_last);  // a kill may have come before it was done
  LiveLine line(quiet);
  const auto val_loss = [&](MetricRow& row) {
    const double loss = parts.trainer->loss(parts.data->held_out());
    row.set("val/loss", loss);
    line.finish();
    if (!quiet) fmt::print(stderr, "val/loss {:.4f}\n", loss);
  };
  if (state.step == 0 && !parts.data->held_out().empty()) {
    MetricRow row;
    row.set("step", 0);
    row.set("time_s", 0.0);
    val_loss(row);
    append_metrics_view(place.dir, row);
  }
  watch_interrupts();
  Stopwatch watch;
  const int64_t first = state.step;
  double tokens = 0, seconds = 0;
  while (state.step < sft.steps) {
    const double lr = schedule.at(state.step);
    const SftStep result = parts.trainer->step(parts.data->batch(state.step), lr);
    ++state.step;
    const double lap = watch.lap();
    state.time_s += lap;
    seconds += lap;
    tokens += static_cast<double>(result.tokens);
    MetricRow row = step_row(state.step, state.time_s, result, lr);
    if (!parts.data->held_out().empty() && due(sft.eval_every, state.step, sft.steps))
      val_loss(row);
    append_metrics_view(place.dir, row);
    const double per_step = seconds / static_cast<double>(state.step - first);
    line.update(fmt::format("step {}/{}  loss {:.4f}  grad {:.2f}  {:.0f} tok/s  {:.0f} s left",
                            state.step, sft.steps, result.loss, result.grad_norm, tokens / seconds,
                            per_step * static_cast<double>(sft.steps - state.step)));
    const bool stop = interrupted() && state.step < sft.steps;
    const bool save = due(sft.save_every, state.step, sft.steps);
    if (stop || save) {
      sync_path(metrics_path(place.dir));
      state.updates = parts.optimizer->updates();
      state.interim = !save;
      save_checkpoint(place.dir, *parts.model.policy, *parts.optimizer, nullptr, state,
                      parts.model.dir);
      prune_checkpoints(place.dir, sft.keep_last);
    }
    watch.lap();
    if (stop) throw Interrupted(resume_command("sft " + config_path, place.dir, assignments));
  }
  return checkpoint_dir(place.dir, state.step);
}

}  // namespace

int run_sft(const CommandArguments& arguments) {
  std::string config_path, run_dir;
  std::vector<std::string> assignments;
  bool resume = false;
  Arguments parser("sft", "Supervised fine-tuning on messages, or on prompt and completion.",
                   "retort sft configs/tiny_base.toml --set sft.steps=200");
  parser.positional("CONFIG", config_path, "TOML file, as configs/tiny_base.toml");
  parser.option("--set", assignments,
                "section.key=value, over the file's (repeatable); keys: docs/config.md");
  parser.option("--run", run_dir, "run directory; default runs/ and the config's stem");
  parser.flag("--resume", resume, "go on with the run; alone it takes the newest of the stem");
  if (!parser.parse(arguments)) return 0;
  Parts parts;
  parts.config = load_sft_config(config_path, assignments);
  const RunPlace place = find_run_place(config_path, run_dir, resume);
  check_same_config(parts.config, place);
  build_parts(parts);
  fmt::print("{}\n", run(parts, place, config_path, assignments, parser.quiet()));
  return 0;
}

}  // namespace retort
