#include "tools/retort/sft_data.h"

#include "base/check.h"
#include "base/error.h"
#include "learner/sft.h"
#include "tasks/task_file.h"
#include "tasks/trace.h"

#include <nlohmann/json.hpp>

namespace retort {
namespace {

TaskOptions options_of(const SftSection& sft) {
  TaskOptions options;
  options.prompt_key = sft.prompt_key;
  options.answer_key = sft.completion_key;
  options.prompt_setting = "sft.prompt_key";
  options.answer_setting = "sft.completion_key";
  return options;
}

// Files are read twice: here, so that a broken row is found before anything is trained.
void check_completions(const TaskSpec& spec, const SftSection& sft) {
  for (const TaskSource& source : spec.sources) {
    if (std::get_if<StoreSource>(&source))
      throw UserError("[sft.data]", "a task store has golds, but no completions",
                      "give a JSON Lines file with completions");
    const auto* file = std::get_if<FileSource>(&source);
    if (!file)
      throw UserError("[sft.data]", "a family alone has no completions",
                      "write traces:FAMILY:LEVELS");
    int64_t row = 0;
    for (const Task& task :
         read_task_file(file->path, "[sft.data]", options_of(sft), Split::kTrain)) {
      ++row;
      if (!nlohmann::json::parse(task.answer).is_string())
        throw UserError(file->path + ": row " + std::to_string(row),
                        "'" + sft.completion_key + "' is no text",
                        "write the completion as a string");
    }
  }
}

}  // namespace

SftData::SftData(const SftConfig& config, const PromptCodec& codec)
    : config_(config), codec_(codec), traces_(is_trace_spec(config.sft.data)) {
  TaskSpec spec = traces_ ? parse_trace_spec(config.sft.data, "[sft.data]")
                          : parse_training_spec(config.sft.data, "[sft.data]");
  if (!traces_) check_completions(spec, config.sft);
  curriculum_ =
      std::make_unique<Curriculum>(std::move(spec), options_of(config.sft), config.run.seed);
  if (codec.eos_ids().empty())
    throw UserError("[model.path]", "the model names no end of text",
                    "set eos_token_id in its generation_config.json");
}

std::string SftData::completion_at(uint64_t cursor, double worked_share, Task& task) {
  if (traces_) {
    Trace trace = trace_at(*curriculum_, cursor, worked_share);
    task = std::move(trace.task);
    return std::move(trace.completion);
  }
  task = curriculum_->at(cursor);
  return nlohmann::json::parse(task.answer).get<std::string>();
}

std::vector<TrainingSequence> SftData::batch(int64_t step) {
  const SftSection& sft = config_.sft;
  const double share = static_cast<double>(step) / static_cast<double>(sft.steps);
  size_t phase = 0;
  while (share >= sft.phases[phase].until) ++phase;
  std::vector<TrainingSequence> batch;
  int64_t tokens = 0;
  for (int64_t i = 0; i < sft.sequences_per_step; ++i) {
    Task task;
    const std::string text = completion_at(static_cast<uint64_t>(step * sft.sequences_per_step + i),
                                           sft.phases[phase].worked_share, task);
    std::vector<int32_t> completion = codec_.tokenizer().encode(text, false);
    completion.push_back(codec_.eos_ids().front());
    batch.push_back(sft_sequence(codec_.encode(task), completion));
    tokens += static_cast<int64_t>(completion.size());
  }
  const double normaliser =
      sft.tokens_per_sequence > 0
          ? static_cast<double>(sft.sequences_per_step) * sft.tokens_per_sequence
          : static_cast<double>(tokens);
  for (TrainingSequence& sequence : batch) sequence.normaliser = normaliser;
  return batch;
}

}  // namespace retort
