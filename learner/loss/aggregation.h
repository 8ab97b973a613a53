#pragma once
// How token losses become the loss of an update: each sequence's summed token losses are divided by
// a number of its own. A row of aggregation.cpp each, under verl's names.
#include "base/registry.h"

#include <cstdint>
#include <span>
#include <string>

namespace retort {

struct AggregationShape {
  int64_t length = 0;     // tokens with a loss of the sequence
  int64_t tokens = 0;     // of the whole update
  int64_t sequences = 0;  // of the whole update
  double scale = 1;       // learner.loss_scale_factor
};

using AggregationFunction = double (*)(const AggregationShape& shape);  // the divisor
using AggregationRow = RegistryRow<AggregationFunction>;

std::span<const AggregationRow> aggregation_rows();
// UserError "[learner.aggregation]" for an unknown name.
AggregationFunction find_aggregation(const std::string& name);

}  // namespace retort
