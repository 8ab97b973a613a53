#include "kernels/operation_test.h"
#include "kernels/rms_norm/rms_norm_op.h"

#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

void expect_gradients(at::IntArrayRef sizes, double eps) {
  const at::Tensor x = random_leaf(sizes, 1);
  Parameter weight = random_parameter({sizes.back()}, 2);
  expect_like_plain({{x},
                     {&weight},
                     [&] { return std::vector<at::Tensor>{rms_norm(x, weight, eps)}; },
                     [&](const auto& in, const auto& values) {
                       return std::vector<at::Tensor>{rms_norm_plain(in[0], values[0], eps)};
                     }});
}

TEST(RmsNorm, RowsOfTokens) { expect_gradients({33, 70}, 1e-6); }
TEST(RmsNorm, RowsOfHeads) { expect_gradients({7, 4, 32}, 1e-5); }
TEST(RmsNorm, OneElement) { expect_gradients({3, 1}, 0.1); }

}  // namespace
}  // namespace retort::kernels
