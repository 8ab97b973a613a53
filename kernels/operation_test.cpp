#include "kernels/operation_test.h"

#include "kernels/testing.h"

#include <ATen/ops/from_blob.h>

namespace retort::kernels {
namespace {

template <class T>
at::Tensor tensor_of(const std::vector<T>& values, at::IntArrayRef sizes, at::ScalarType type) {
  return at::from_blob(const_cast<T*>(values.data()), sizes, type).clone();
}

std::vector<double> doubles_of(const at::Tensor& tensor) {
  const at::Tensor x = tensor.detach().to(at::kDouble).contiguous();
  return {x.data_ptr<double>(), x.data_ptr<double>() + x.numel()};
}

// Sum over outputs of <output, fixed random numbers>, backward; then gradients are in the leaves.
void backward_of(const std::vector<at::Tensor>& outputs) {
  at::Tensor loss;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const at::Tensor weights =
        random_tensor(outputs[i].sizes(), 100 + i).to(outputs[i].scalar_type());
    const at::Tensor part = outputs[i].mul(weights).sum();
    loss = loss.defined() ? loss.add(part) : part;
  }
  loss.backward();
}

}  // namespace

at::Tensor random_tensor(at::IntArrayRef sizes, uint64_t seed) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return tensor_of(random_floats(count, seed), sizes, at::kFloat);
}

at::Tensor random_leaf(at::IntArrayRef sizes, uint64_t seed) {
  return random_tensor(sizes, seed).set_requires_grad(true);
}

Parameter random_parameter(at::IntArrayRef sizes, uint64_t seed) {
  Parameter parameter = {"parameter " + std::to_string(seed),
                         random_tensor(sizes, seed),
                         {},
                         random_tensor(sizes, seed + 50)};
  repack(parameter);
  return parameter;
}

at::Tensor int_tensor(const std::vector<int32_t>& values) {
  return tensor_of(values, {static_cast<int64_t>(values.size())}, at::kInt);
}
at::Tensor long_tensor(const std::vector<int64_t>& values) {
  return tensor_of(values, {static_cast<int64_t>(values.size())}, at::kLong);
}

std::vector<float> values_of(const at::Tensor& tensor) {
  const at::Tensor x = tensor.detach().contiguous();
  return {x.data_ptr<float>(), x.data_ptr<float>() + x.numel()};
}

void expect_like_plain(const OperationTest& test) {
  std::vector<at::Tensor> inputs, values, starts;
  for (const at::Tensor& input : test.inputs) {
    inputs.push_back(input.detach().to(at::kDouble).set_requires_grad(input.requires_grad()));
  }
  for (const Parameter* parameter : test.parameters) {
    values.push_back(parameter->value.to(at::kDouble).set_requires_grad(true));
    starts.push_back(parameter->grad.to(at::kDouble));
  }
  const std::vector<at::Tensor> got = test.operation();
  const std::vector<at::Tensor> want = test.plain(inputs, values);
  ASSERT_EQ(got.size(), want.size());
  backward_of(got);
  backward_of(want);
  const double limit = sim_limit("float");
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].sizes(), want[i].sizes());
    EXPECT_LT(sim_error(doubles_of(got[i]), doubles_of(want[i])), limit) << "output " << i;
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    ASSERT_TRUE(test.inputs[i].grad().defined()) << "input " << i;
    EXPECT_LT(sim_error(doubles_of(test.inputs[i].grad()), doubles_of(inputs[i].grad())), limit)
        << "input " << i;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const Parameter& parameter = *test.parameters[i];
    const at::Tensor gained = parameter.grad.to(at::kDouble).sub(starts[i]);
    EXPECT_LT(sim_error(doubles_of(gained), doubles_of(values[i].grad())), limit) << parameter.name;
    EXPECT_FALSE(parameter.value.grad().defined())
        << parameter.name << ": autograd must see no gradient";
  }
}

}  // namespace retort::kernels
