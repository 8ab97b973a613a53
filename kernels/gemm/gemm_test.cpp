#include "base/check.h"
#include "kernels/gemm/gemm_op.h"
#include "kernels/operation_test.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

TEST(Linear, GradientsLikeThePlainDefinition) {
  const at::Tensor x = random_leaf({33, 70}, 1);
  Parameter weight = random_parameter({45, 70}, 2), bias = random_parameter({45}, 3);
  expect_like_plain({{x},
                     {&weight, &bias},
                     [&] { return std::vector<at::Tensor>{linear(x, weight, &bias)}; },
                     [](const auto& in, const auto& values) {
                       return std::vector<at::Tensor>{linear_plain(in[0], values[0], values[1])};
                     }});
}

TEST(Linear, WithoutBias) {
  const at::Tensor x = random_leaf({5, 16}, 1);
  Parameter weight = random_parameter({16, 16}, 2);
  expect_like_plain({{x},
                     {&weight},
                     [&] { return std::vector<at::Tensor>{linear(x, weight, nullptr)}; },
                     [](const auto& in, const auto& values) {
                       return std::vector<at::Tensor>{linear_plain(in[0], values[0], {})};
                     }});
}

// Two uses of one weight, as in micro-batches: the accumulator's bits are those of one use with all
// tokens.
TEST(Linear, MicroBatchesContinueOneChain) {
  const at::Tensor x = random_leaf({40, 24}, 1);
  Parameter whole = random_parameter({20, 24}, 2), split = random_parameter({20, 24}, 2);
  const at::Tensor dy = random_tensor({40, 20}, 3);
  linear(x, whole, nullptr).backward(dy);
  for (const auto& [first, count] : {std::pair<int, int>{0, 7}, {7, 1}, {8, 32}}) {
    linear(x.detach().narrow(0, first, count).set_requires_grad(true), split, nullptr)
        .backward(dy.narrow(0, first, count));
  }
  const BitComparison same = bitwise_equal(values_of(split.grad), values_of(whole.grad));
  EXPECT_TRUE(same) << same.message;
}

TEST(Linear, AFrozenWeightGetsNoGradient) {
  const at::Tensor x = random_leaf({3, 8}, 1);
  Parameter weight = random_parameter({4, 8}, 2);
  weight.grad = at::Tensor();
  linear(x, weight, nullptr).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(weight.grad.defined());
}

TEST(Linear, NoGraphWithoutGradMode) {
  Parameter weight = random_parameter({4, 8}, 2);
  EXPECT_FALSE(linear(random_tensor({3, 8}, 1), weight, nullptr).requires_grad());
}

TEST(Linear, WrongShapesAreOurBug) {
  Parameter weight = random_parameter({4, 8}, 2);
  EXPECT_THROW(linear(random_tensor({3, 9}, 1), weight, nullptr), InternalError);
  EXPECT_THROW(linear(random_tensor({8}, 1), weight, nullptr), InternalError);
  weight.packed = at::Tensor();
  EXPECT_THROW(linear(random_tensor({3, 8}, 1), weight, nullptr), InternalError);
}

TEST(Linear, RepackFollowsTheValue) {
  Parameter weight = random_parameter({18, 5}, 2);
  const void* memory = weight.packed.data_ptr();
  weight.value.mul_(2.0);
  repack(weight);
  EXPECT_EQ(weight.packed.data_ptr(), memory);
  EXPECT_EQ(values_of(weight.packed)[kPanel], values_of(weight.value)[1]);
  Parameter vector = random_parameter({18}, 2);
  EXPECT_FALSE(vector.packed.defined());
}

}  // namespace
}  // namespace retort::kernels
