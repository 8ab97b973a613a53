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

#define RETORT_SFT_FIELDS(X)                                                                  \
  X(std::string, data, "", any(), "",                                                         \
    "traces:FAMILY:LEVELS, or a JSON Lines file of prompt and completion; several joined by " \
    "commas")                                                                                 \
  X(std::string, prompt_key, "prompt", any(), "", "key of the prompt in the rows of a file")  \
  X(std::string, completion_key, "completion", any(), "",                                     \
    "key of the completion in the rows of a file")                                            \
  X(int64_t, steps, 100, at_least(1), "steps", "optimiser updates")                           \
  X(int64_t, sequences_per_step, 32, at_least(1), "sequences", "of one update")               \
  X(double, tokens_per_sequence, 0.0, at_least(0.0), "tokens",                                \
    "the loss of an update is its sum / (sequences x this); 0: / its completion tokens")      \
  X(int64_t, report_every, 100, at_least(1), "steps", "steps between lines of the metrics")   \
  X(std::vector<SftPhase>, phases, (std::vector<SftPhase>{SftPhase{}}), any(), "",            \
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

SftConfig load_sft_config(const std::string& path, const std::vector<std::string>& assignments);

}  // namespace retort
