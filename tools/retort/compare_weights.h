#pragma once
// Weights and trainer states of two models or of two runs' checkpoints.
#include "tools/retort/comparison.h"

#include <string>

namespace retort {

// Tensor by tensor (dtype, shape, bytes) over two Hugging Face directories, however they are cut
// into files; trainer/ too where both have one. UserError for what is no such directory.
Comparison compare_models(const std::string& model_a, const std::string& model_b);

// The files of the complete checkpoints that both runs have: *.safetensors and trainer/, byte by
// byte. Of trainer/'s JSON what is a time is left out, as base/metric.h marks it.
ComparisonRow compare_checkpoints(const std::string& run_a, const std::string& run_b);

}  // namespace retort
