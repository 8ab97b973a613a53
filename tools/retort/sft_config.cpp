#include "tools/retort/sft_config.h"

#include "base/error.h"

namespace retort {

void SftConfig::bind(config::Binder& binder) {
  binder.section("run", run, "what every part of the run shares");
  binder.section("model", model, "what is trained");
  binder.section("sft", sft, "data and batches");
  binder.section("learner", learner, "the optimiser; the keys of the RL algorithm are not read");
}

void SftConfig::validate() const {
  if (model.path.empty())
    throw UserError("[model.path]", "not set", "name a Hugging Face directory");
  if (sft.data.empty())
    throw UserError("[sft.data]", "not set", "name traces, as traces:chain_sum:1-6, or a file");
  double last = 0;
  for (const SftPhase& phase : sft.phases) {
    if (phase.until <= last)
      throw UserError("[sft.phases]", "until does not rise", "order the phases by until");
    last = phase.until;
  }
  if (last != 1.0)
    throw UserError("[sft.phases]", "the last phase ends before the last step",
                    "set its until to 1");
}

std::string SftConfig::resolved() {
  config::Binder binder;
  bind(binder);
  return binder.resolved();
}

std::string first_difference(SftConfig a, SftConfig b) {
  // What may change between a run and its continuation.
  for (SftConfig* config : {&a, &b}) {
    config->run.threads = 0;
    config->model.path = "";
    config->sft.eval_data = "";
    config->sft.eval_every = config->sft.save_every = 0;
    config->sft.keep_last = 1;
    config->learner.micro_batch_tokens = 1;
  }
  return config::first_difference(a, b);
}

SftConfig load_sft_config(const std::string& path, const std::vector<std::string>& assignments) {
  for (const config::Entry& section : config::read_document(path).table)
    if (section.key == "rewards" || section.key == "rollout")
      throw UserError(path, "is a configuration of retort train", "run retort train " + path);
  return config::load<SftConfig>(path, assignments);
}

}  // namespace retort
