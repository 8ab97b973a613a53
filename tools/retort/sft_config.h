#pragma once
// The configuration of `retort sft`.
#include "base/config.h"
#include "learner/config.h"
#include "tools/retort/run_config.h"

#include <string>
#include <vector>

namespace retort {

#define RETORT_SFT_MODEL_FIELDS(X)                                                    \
  X(std::string, path, "", any(), "",                                                 \
    "Hugging Face directory: configuration and tokenizer, and weights to start from") \
  X(std::string, start, "weights", one_of({"weights", "random"}), "",                 \
    "random ignores the directory's weights and draws new ones by run.seed")
RETORT_CONFIG_STRUCT(SftModelSection, RETORT_SFT_MODEL_FIELDS)

#define RETORT_SFT_PHASE_FIELDS(X)                                                          \
  X(double, until, 1.0, between(0.0, 1.0), "", "the phase ends at this share of the steps") \
  X(double, worked_share, 1.0, between(0.0, 1.0), "",                                       \
    "probability that a trace is worked out; else a direct answer")
RETORT_CONFIG_STRUCT(SftPhase, RETORT_SFT_PHASE_FIELDS)

#define RETORT_SFT_FIELDS(X)                                                                     \
  X(std::string, data, "", any(), "",                                                            \
    "traces:FAMILY:LEVELS, or JSON Lines files of messages or of prompt and completion; "        \
    "several joined by commas")                                                                  \
  X(std::string, eval_data, "", any(), "", "JSON Lines files for val/loss; empty: none")         \
  X(int64_t, eval_every, 0, at_least(0), "steps", "0: before the first step and after the last") \
  X(std::string, prompt_key, "prompt", any(), "", "key of the prompt in the rows of a file")     \
  X(std::string, completion_key, "completion", any(), "",                                        \
    "key of the completion in the rows of a file")                                               \
  X(std::string, messages_key, "messages", any(), "",                                            \
    "key of the messages in the rows of a file; the loss is on the assistant's")                 \
  X(int64_t, max_tokens, 0, at_least(0), "tokens",                                               \
    "longest row; 0: what the model's positions allow")                                          \
  X(std::string, overlong_row, "error", one_of({"error", "drop"}), "",                           \
    "a longer row is an error, or is left out")                                                  \
  X(int64_t, steps, 100, at_least(1), "steps", "optimiser updates")                              \
  X(int64_t, sequences_per_step, 32, at_least(1), "sequences", "of one update")                  \
  X(double, tokens_per_sequence, 0.0, at_least(0.0), "tokens",                                   \
    "the loss of an update is its sum / (sequences x this); 0: / its tokens with a loss")        \
  X(int64_t, save_every, 0, at_least(0), "steps", "0: after the last step only")                 \
  X(int64_t, keep_last, 2, at_least(1), "checkpoints", "newest checkpoints that stay")           \
  X(std::vector<SftPhase>, phases, (std::vector<SftPhase>{SftPhase{}}), any(), "",               \
    "shares of the trace styles, one phase after the other")
RETORT_CONFIG_STRUCT(SftSection, RETORT_SFT_FIELDS)

struct SftConfig {
  RunSection run;
  SftModelSection model;
  SftSection sft;
  LearnerConfig learner;

  void bind(config::Binder& binder);
  void validate() const;
  std::string resolved();
};

// The key of the first setting that differs and matters to a resumed run; "".
std::string first_difference(SftConfig a, SftConfig b);

SftConfig load_sft_config(const std::string& path, const std::vector<std::string>& assignments);

}  // namespace retort
