#pragma once
// [learner]: the algorithm and the optimiser.
#include "base/config.h"

namespace retort {

#define RETORT_LEARNER_FIELDS(X)                                                        \
  X(std::string, advantage, "grpo", one_of({"grpo", "dr_grpo"}), "",                    \
    "grpo: (r - mean) / (std + eps); dr_grpo: r - mean")                                \
  X(int64_t, advantage_ddof, 1, between(0, 1), "",                                      \
    "degrees of freedom taken off in the group's std: 1 as TRL and verl")               \
  X(double, advantage_eps, 1e-6, at_least(0.0), "", "added to the group's std")         \
  X(double, clip_low, 0.2, at_least(0.0), "", "ratio is clipped at 1 - clip_low")       \
  X(double, clip_high, 0.2, at_least(0.0), "", "ratio is clipped at 1 + clip_high")     \
  X(std::string, aggregation, "token-mean", one_of({"token-mean"}), "",                 \
    "how token losses become the loss of an update")                                    \
  X(std::string, zero_variance, "drop", one_of({"keep", "drop"}), "",                   \
    "groups whose rewards are all equal: keep or drop")                                 \
  X(int64_t, micro_batch_tokens, 4096, at_least(1), "tokens",                           \
    "tokens of one forward and backward; changes no bit")                               \
  X(double, lr, 1e-6, at_least(0.0), "", "learning rate of AdamW")                      \
  X(std::string, lr_schedule, "constant", one_of({"constant", "cosine", "linear"}), "", \
    "after the warm-up, over steps")                                                    \
  X(int64_t, lr_warmup_steps, 0, at_least(0), "steps", "steps of linear warm-up")       \
  X(double, lr_final_ratio, 0.0, between(0.0, 1.0), "",                                 \
    "last learning rate / lr, for cosine and linear")                                   \
  X(double, beta1, 0.9, between(0.0, 1.0), "", "AdamW's first momentum")                \
  X(double, beta2, 0.999, between(0.0, 1.0), "", "AdamW's second momentum")             \
  X(double, adam_eps, 1e-8, at_least(0.0), "", "AdamW's epsilon")                       \
  X(double, weight_decay, 0.0, at_least(0.0), "",                                       \
    "decoupled weight decay of matrices (vectors have none)")                           \
  X(double, grad_clip, 1.0, at_least(0.0), "", "largest global gradient norm; 0 does not clip")
RETORT_CONFIG_STRUCT(LearnerConfig, RETORT_LEARNER_FIELDS)

#define RETORT_MISMATCH_FIELDS(X)                                     \
  X(std::string, check, "update", one_of({"update", "all"}), "",      \
    "tokens compared: the step's first update, or every sampled one") \
  X(std::string, action, "stop", one_of({"stop", "warn"}), "",        \
    "when a token's log-probability differs in any bit")
RETORT_CONFIG_STRUCT(MismatchConfig, RETORT_MISMATCH_FIELDS)

}  // namespace retort
