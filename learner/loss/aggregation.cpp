#include "learner/loss/aggregation.h"

namespace retort {
namespace {

// DAPO (2503.14476): every token of the update weighs the same.
double token_mean(const AggregationShape& shape) { return static_cast<double>(shape.tokens); }

// GRPO as published: every sequence weighs the same.
double seq_mean_token_mean(const AggregationShape& shape) {
  return static_cast<double>(shape.sequences) * static_cast<double>(shape.length);
}

// Dr. GRPO (2503.20783): a constant in place of the length.
double seq_mean_token_sum_norm(const AggregationShape& shape) {
  return static_cast<double>(shape.sequences) * shape.scale;
}

}  // namespace

std::span<const AggregationRow> aggregation_rows() {
  static constexpr AggregationRow kRows[] = {
      {"token-mean", "mean over the tokens of the update", token_mean},
      {"seq-mean-token-mean", "mean over sequences of their tokens' mean", seq_mean_token_mean},
      {"seq-mean-token-sum-norm", "mean over sequences of their tokens' sum / loss_scale_factor",
       seq_mean_token_sum_norm},
  };
  return kRows;
}

AggregationFunction find_aggregation(const std::string& name) {
  return find_row(aggregation_rows(), name, "[learner.aggregation]", "aggregation").make;
}

}  // namespace retort
