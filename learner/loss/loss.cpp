#include "learner/loss/loss.h"

#include "base/check.h"
#include "base/exact_math.h"

namespace retort {
namespace {

// mean log(pi / pi_old) over the sequence.
double mean_log_ratio(const SequenceTokens& sequence) {
  double sum = 0;
  for (size_t t = 0; t < sequence.logp.size(); ++t)
    sum += static_cast<double>(sequence.logp[t]) - static_cast<double>(sequence.old_logp[t]);
  return sum / static_cast<double>(sequence.logp.size());
}

}  // namespace

LossSettings loss_settings(const LearnerConfig& config) {
  LossSettings settings;
  settings.policy = find_policy_loss(config.policy_loss);
  settings.clip = {config.clip_low, config.clip_high, config.clip_ratio_c};
  settings.sequence_ratio = config.importance_sampling_level == "sequence";
  settings.kl = find_kl(config.kl);
  settings.kl_coef = config.kl_coef;
  settings.off_policy_mask_threshold = config.off_policy_mask_threshold;
  settings.entropy_coef = config.entropy_coef;
  return settings;
}

void sequence_loss(const SequenceTokens& sequence, const LossSettings& settings,
                   std::span<float> dlogp, std::span<float> dentropy, LossSums& sums) {
  const size_t T = sequence.logp.size();
  if (T == 0) return;
  RT_CHECK_EQ(T, sequence.old_logp.size());
  RT_CHECK_EQ(T, dlogp.size());
  RT_CHECK_GT(sequence.normaliser, 0.0);
  RT_CHECK(settings.kl == nullptr || sequence.reference_logp.size() == T) << "reference";
  RT_CHECK(settings.entropy_coef == 0.0 || dentropy.size() == T) << "entropy";
  const double A = sequence.advantage;
  const double log_ratio = mean_log_ratio(sequence);
  const bool masked = settings.off_policy_mask_threshold > 0 && A < 0 &&
                      -log_ratio > settings.off_policy_mask_threshold;
  sums.masked_sequences += masked ? 1 : 0;
  const double sequence_ratio = settings.sequence_ratio ? exact::exp(log_ratio) : 0.0;
  for (size_t t = 0; t < T; ++t) {
    const double logp = sequence.logp[t];
    const double token_ratio = exact::exp(logp - static_cast<double>(sequence.old_logp[t]));
    const double ratio = settings.sequence_ratio ? sequence_ratio : token_ratio;
    const TokenLoss token = masked ? TokenLoss{} : settings.policy(ratio, logp, A, settings.clip);
    double gradient = token.dlogp;
    sums.loss += token.loss / sequence.normaliser;
    sums.clipped += token.clipped ? 1 : 0;
    sums.entropy += sequence.entropy[t];
    if (settings.kl != nullptr) {
      const KlTerm kl =
          settings.kl(logp - static_cast<double>(sequence.reference_logp[t]), token_ratio);
      sums.kl += kl.value / sequence.normaliser;
      gradient += settings.kl_coef * kl.dlogp;
    }
    dlogp[t] = static_cast<float>(gradient / sequence.normaliser);
    if (settings.entropy_coef != 0.0)
      dentropy[t] = static_cast<float>(-settings.entropy_coef / sequence.normaliser);
  }
  sums.tokens += static_cast<int64_t>(T);
}

void likelihood_loss(std::span<const float> logp, double normaliser, std::span<float> dlogp,
                     LossSums& sums) {
  RT_CHECK_GT(normaliser, 0.0);
  for (size_t t = 0; t < logp.size(); ++t) {
    sums.loss -= static_cast<double>(logp[t]);
    dlogp[t] = static_cast<float>(-1.0 / normaliser);
  }
  sums.tokens += static_cast<int64_t>(logp.size());
}

}  // namespace retort
