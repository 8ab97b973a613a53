#pragma once
// The configuration of `retort train`: every section, and the checks across them.
#include "base/config.h"
#include "learner/config.h"
#include "rollout/config.h"

#include <string>
#include <vector>

namespace retort {

#define RETORT_RUN_FIELDS(X)                                          \
  X(uint32_t, seed, 0, any(), "", "decides every draw of the run")    \
  X(std::string, device, "auto", one_of({"auto", "cpu", "cuda"}), "", \
    "auto takes a GPU when there is one")                             \
  X(int64_t, threads, 0, at_least(0), "threads", "CPU threads; 0 takes all cores; changes no bit")
RETORT_CONFIG_STRUCT(RunSection, RETORT_RUN_FIELDS)

#define RETORT_MODEL_FIELDS(X)        \
  X(std::string, path, "", any(), "", \
    "base checkpoint: a Hugging Face directory, relative to the working directory")
RETORT_CONFIG_STRUCT(ModelSection, RETORT_MODEL_FIELDS)

#define RETORT_TASKS_FIELDS(X)                                                                    \
  X(std::string, train, "", any(), "",                                                            \
    "FAMILY:LEVELS:train, a store tasks.db[:where] or a JSON Lines file; joined by commas")       \
  X(std::string, eval, "", any(), "",                                                             \
    "FAMILY:LEVELS:COUNT:SEED, a store tasks.db[:where] or a JSON Lines file; empty: none")       \
  X(std::string, prompt_key, "prompt", any(), "", "key of the prompt in the rows of a file")      \
  X(std::string, answer_key, "answer", any(), "", "key of the gold answer in the rows of a file") \
  X(std::string, system_prompt, "", any(), "", "system message put before the prompts of a file") \
  X(int64_t, max_prompt_tokens, 0, at_least(0), "tokens",                                         \
    "longest prompt; 0: what the model's positions leave")                                        \
  X(std::string, overlong_prompt, "error", one_of({"error", "drop"}), "",                         \
    "a longer prompt stops the run, or is left out")
RETORT_CONFIG_STRUCT(TasksSection, RETORT_TASKS_FIELDS)

#define RETORT_REWARD_FIELDS(X)                                      \
  X(std::string, name, "task", any(), "",                            \
    "row of the rewards table, with its options: NAME:option=value") \
  X(double, weight, 1.0, any(), "", "factor in the weighted sum")
RETORT_CONFIG_STRUCT(RewardSection, RETORT_REWARD_FIELDS)

#define RETORT_TRAIN_FIELDS(X)                                                          \
  X(int64_t, steps, 50, between(1, 2147483647), "steps", "steps of the run")            \
  X(int64_t, prompts_per_step, 32, at_least(1), "prompts",                              \
    "tasks drawn a step; each gets rollout.group_size samples")                         \
  X(int64_t, updates_per_step, 1, at_least(1), "updates",                               \
    "at most this many optimiser updates a pass, whole groups dealt to them")           \
  X(int64_t, epochs_per_step, 1, between(1, 1000), "passes",                            \
    "how often a step learns from its samples (verl: ppo_epochs, TRL: num_iterations)") \
  X(double, group_deadline_s, 60.0, at_least(0.0), "s",                                 \
    "a sample that a reward's program cannot answer is scored again for so long; then " \
    "its group gives way to the next task")                                             \
  X(double, sample_deadline_s, 600.0, at_least(1.0), "s",                               \
    "when workers give no sample for so long, the groups they have not completed give " \
    "way to the next tasks; without any worker the run ends, to be resumed")            \
  X(int64_t, eval_every, 0, at_least(0), "steps",                                       \
    "0: before the first step and after the last only")                                 \
  X(int64_t, save_every, 0, at_least(0), "steps", "0: after the last step only")        \
  X(int64_t, keep_last, 2, at_least(1), "checkpoints", "newest checkpoints that stay")  \
  X(std::string, best_metric, "eval/all/pass@1", any(), "",                             \
    "checkpoints/best links to the highest (critic/score/mean without evaluation)")
RETORT_CONFIG_STRUCT(TrainSection, RETORT_TRAIN_FIELDS)

#define RETORT_EVAL_FIELDS(X)                                                               \
  X(int64_t, samples, 8, at_least(1), "samples", "per held-out prompt")                     \
  X(double, temperature, 1.0, between(0.0, 100.0), "", "0 is greedy")                       \
  X(int64_t, wide_prompts, 0, at_least(0), "prompts",                                       \
    "before and after the run, pass@wide_samples on the first of these")                    \
  X(int64_t, wide_samples, 64, at_least(2), "samples", "per prompt of the wide evaluation") \
  X(int64_t, show_samples, 3, at_least(0), "samples", "answers shown before and after the run")
RETORT_CONFIG_STRUCT(EvalSection, RETORT_EVAL_FIELDS)

struct RunConfig {
  RunSection run;
  ModelSection model;
  TasksSection tasks;
  std::vector<RewardSection> rewards{RewardSection{}};
  RolloutConfig rollout;
  LearnerConfig learner;
  TrainSection train;
  MismatchConfig mismatch;
  EvalSection eval;

  void bind(config::Binder& binder);
  // Checks across fields; UserError with the sentence to show.
  void validate() const;
  std::string resolved();  // TOML; reads back to the same values
};

// CONFIG and the --set assignments, checked.
RunConfig load_run_config(const std::string& path, const std::vector<std::string>& assignments);

// The settings that decide the bytes of a run as TOML: paths, threads, logging and evaluation have
// their defaults in it.
std::string deciding_settings(RunConfig config);
// The key of the first setting that differs and matters to a resumed run (paths, logging and
// evaluation do not); "".
std::string first_difference(RunConfig a, RunConfig b);

}  // namespace retort
