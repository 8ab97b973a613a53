// retort sft: supervised fine-tuning on prompt and completion; also makes the tiny base.
#include "learner/sft.h"

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "learner/checkpoint.h"
#include "learner/schedule.h"
#include "policy/hf_model.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/model.h"
#include "tools/retort/run_directory.h"
#include "tools/retort/sft_data.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>

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

}  // namespace

int run_sft(const CommandArguments& arguments) {
  std::string config_path, run_dir;
  std::vector<std::string> assignments;
  bool quiet = false;
  Arguments parser("sft", "Supervised fine-tuning: negative log-likelihood of completions.",
                   "retort sft configs/tiny_base.toml --set sft.steps=200");
  parser.positional("CONFIG", config_path, "TOML file");
  parser.option("--set", assignments, "section.key=value, over the file's (repeatable)");
  parser.option("--run", run_dir, "run directory; default runs/ and the config's stem");
  parser.flag("--quiet", quiet, "no progress");
  if (!parser.parse(arguments)) return 0;
  SftConfig config = load_sft_config(config_path, assignments);
  if (!run_dir.empty() && std::filesystem::exists(run_dir))
    throw UserError("--run", "'" + run_dir + "' exists", "name a new directory");
  set_cpu_threads(config.run.threads);
  LoadedModel model = start_model(config);
  SftData data(config, *model.codec);
  Optimizer optimizer(*model.policy, config.learner, model.masters ? &*model.masters : nullptr);
  SftTrainer trainer(*model.policy, optimizer, config.learner.micro_batch_tokens);
  const Schedule schedule{config.learner.lr_schedule, config.learner.lr,
                          config.learner.lr_warmup_steps, config.sft.steps,
                          config.learner.lr_final_ratio};
  data.batch(0);  // what is wrong with the data is found before anything is written
  if (run_dir.empty()) run_dir = new_run_directory(config_path);
  std::filesystem::create_directories(run_dir);
  write_file_atomic(run_dir + "/config.toml", config.resolved());

  LiveLine line(quiet);
  watch_interrupts();
  const auto started = std::chrono::steady_clock::now();
  double loss_sum = 0;
  int64_t loss_tokens = 0, tokens = 0, done = 0;
  std::string metrics;
  while (done < config.sft.steps && !interrupted()) {
    const SftStep step = trainer.step(data.batch(done), schedule.at(done));
    ++done;
    loss_sum += step.loss * static_cast<double>(step.tokens);
    loss_tokens += step.tokens;
    tokens += step.tokens;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const double left =
        seconds / static_cast<double>(done) * static_cast<double>(config.sft.steps - done);
    line.update(fmt::format("step {}/{}  loss {:.4f}  grad {:.2f}  {:.0f} tok/s  {:.0f} s left",
                            done, config.sft.steps, step.loss, step.grad_norm,
                            static_cast<double>(tokens) / seconds, left));
    if (done % config.sft.report_every != 0 && done != config.sft.steps) continue;
    metrics += nlohmann::ordered_json({{"step", done},
                                       {"time_s", seconds},
                                       {"loss", loss_sum / static_cast<double>(loss_tokens)},
                                       {"lr", schedule.at(done - 1)}})
                   .dump() +
               "\n";
    write_file_atomic(run_dir + "/metrics.jsonl", metrics);
    loss_sum = 0;
    loss_tokens = 0;
  }
  line.finish();
  TrainerState state;
  state.step = done;
  state.updates = optimizer.updates();
  save_checkpoint(run_dir, *model.policy, optimizer, nullptr, state, model.dir);
  const std::string checkpoint = checkpoint_dir(run_dir, done);
  if (done < config.sft.steps)
    throw Interrupted("retort sft " + config_path + "  (from the start; the weights so far are " +
                      checkpoint + ")");
  fmt::print("{}\n", checkpoint);
  return 0;
}

}  // namespace retort
