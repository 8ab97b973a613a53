#pragma once
// For the tests of operations: random tensors, trained parameters, and the comparison of an
// operation with its plain definition run in double precision through autograd.
#include "kernels/parameter.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace retort::kernels {

at::Tensor random_tensor(at::IntArrayRef sizes, uint64_t seed);
// fp32 leaf that requires a gradient.
at::Tensor random_leaf(at::IntArrayRef sizes, uint64_t seed);
// A trained parameter with an accumulator that is not zero, packed when it is a matrix.
Parameter random_parameter(at::IntArrayRef sizes, uint64_t seed);

at::Tensor int_tensor(const std::vector<int32_t>& values);
at::Tensor long_tensor(const std::vector<int64_t>& values);
std::vector<float> values_of(const at::Tensor& tensor);

// Outputs and gradients of `operation` (fp32, CPU kernels) against those of `plain` (the same
// inputs as doubles): sim_error within the limit of fp32. The loss is the sum of outputs times
// fixed random numbers. A parameter's gradient is what its accumulator gained.
struct OperationTest {
  std::vector<at::Tensor> inputs;      // leaves
  std::vector<Parameter*> parameters;  // trained
  std::function<std::vector<at::Tensor>()> operation;
  // (inputs, values of parameters) in double.
  std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&,
                                        const std::vector<at::Tensor>&)>
      plain;
};
void expect_like_plain(const OperationTest& test);

}  // namespace retort::kernels
