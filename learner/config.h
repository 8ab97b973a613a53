#pragma once
// [learner]: the algorithm and the optimiser.
#include "base/config.h"
#include "learner/advantage/advantage.h"
#include "learner/loss/aggregation.h"
#include "learner/loss/kl.h"
#include "learner/loss/policy_loss.h"

namespace retort {

#define RETORT_LEARNER_FIELDS(X)                                                             \
  X(std::string, advantage, "grpo", one_of(row_names(advantage_rows())), "",                 \
    "how rewards become advantages: the table of docs/config.md")                            \
  X(int64_t, advantage_ddof, 1, between(0, 1), "",                                           \
    "degrees of freedom taken off in the std of grpo and reinforce_pp: 1 as TRL and verl")   \
  X(double, advantage_eps, 1e-6, at_least(0.0), "", "added to that std")                     \
  X(std::string, policy_loss, "clip", one_of(row_names(policy_loss_rows())), "",             \
    "clip: -min(ratio A, clip(ratio) A); cispo: -clip(ratio) A log pi")                      \
  X(std::string, importance_sampling_level, "token", one_of({"token", "sequence"}), "",      \
    "what the ratio pi / pi_old is of: the token, or its whole sequence (GSPO)")             \
  X(double, clip_low, 0.2, at_least(0.0), "", "ratio is clipped at 1 - clip_low")            \
  X(double, clip_high, 0.2, at_least(0.0), "", "ratio is clipped at 1 + clip_high")          \
  X(double, clip_ratio_c, 0.0, at_least(0.0), "",                                            \
    "dual clip: the loss of a bad token is at most clip_ratio_c |A|; 0: none")               \
  X(std::string, aggregation, "token-mean", one_of(row_names(aggregation_rows())), "",       \
    "how token losses become the loss of an update")                                         \
  X(double, loss_scale_factor, 0.0, at_least(0.0), "tokens",                                 \
    "of seq-mean-token-sum-norm; 0: rollout.max_new_tokens")                                 \
  X(std::string, kl, "none", one_of(row_names(kl_rows())), "",                               \
    "estimate of KL(pi || reference) in the loss; none: no reference is held")               \
  X(double, kl_coef, 0.001, at_least(0.0), "", "factor of the KL term")                      \
  X(int64_t, reference_refresh_steps, 0, at_least(0), "steps",                               \
    "the reference becomes the policy after every so many steps; 0: stays the base")         \
  X(double, off_policy_mask_threshold, 0.0, at_least(0.0), "nats",                           \
    "bad sequences with a mean log(pi_old / pi) above it leave the policy term; 0: off")     \
  X(double, entropy_coef, 0.0, any(), "", "factor of the entropy bonus")                     \
  X(std::string, zero_variance, "drop", one_of({"keep", "drop", "refill"}), "",              \
    "groups whose rewards are all equal: keep, drop, or drop and sample others in place")    \
  X(int64_t, refill_waves, 3, at_least(1), "waves", "refill: at most this often a step")     \
  X(bool, mask_truncated_completions, false, any(), "",                                      \
    "samples cut at rollout.max_new_tokens have no loss (their rewards count in the group)") \
  X(int64_t, micro_batch_tokens, 4096, at_least(1), "tokens",                                \
    "tokens of one forward and backward; changes no bit")                                    \
  X(double, lr, 1e-6, at_least(0.0), "", "learning rate of AdamW")                           \
  X(std::string, lr_schedule, "constant", one_of({"constant", "cosine", "linear"}), "",      \
    "after the warm-up, over steps")                                                         \
  X(int64_t, lr_warmup_steps, 0, at_least(0), "steps", "steps of linear warm-up")            \
  X(double, lr_final_ratio, 0.0, between(0.0, 1.0), "",                                      \
    "last learning rate / lr, for cosine and linear")                                        \
  X(double, beta1, 0.9, from_to_below(0.0, 1.0), "", "AdamW's first momentum")               \
  X(double, beta2, 0.999, from_to_below(0.0, 1.0), "", "AdamW's second momentum")            \
  X(double, adam_eps, 1e-8, greater_than(0.0), "", "AdamW's epsilon")                        \
  X(double, weight_decay, 0.0, at_least(0.0), "",                                            \
    "decoupled weight decay of matrices (vectors have none)")                                \
  X(double, grad_clip, 1.0, at_least(0.0), "", "largest global gradient norm; 0 does not clip")
RETORT_CONFIG_STRUCT(LearnerConfig, RETORT_LEARNER_FIELDS)

#define RETORT_MISMATCH_FIELDS(X)                                     \
  X(std::string, check, "update", one_of({"update", "all"}), "",      \
    "tokens compared: the step's first update, or every sampled one") \
  X(std::string, action, "stop", one_of({"stop", "warn"}), "",        \
    "when a token's log-probability differs in any bit")
RETORT_CONFIG_STRUCT(MismatchConfig, RETORT_MISMATCH_FIELDS)

}  // namespace retort
