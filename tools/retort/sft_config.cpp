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

SftConfig load_sft_config(const std::string& path, const std::vector<std::string>& assignments) {
  SftConfig config;
  config::Binder binder;
  config.bind(binder);
  binder.apply(config::read_document(path));
  for (const std::string& assignment : assignments) binder.set(assignment);
  binder.check();
  config.validate();
  return config;
}

}  // namespace retort
