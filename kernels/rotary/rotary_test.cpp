#include "base/check.h"
#include "kernels/operation_test.h"
#include "kernels/rotary/rotary_op.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

void expect_gradients(int64_t H, int64_t C) {
  const at::Tensor x = random_leaf({9, 3, H}, 1), cos = random_tensor({40, C}, 2),
                   sin = random_tensor({40, C}, 3);
  const at::Tensor positions = int_tensor(random_ids(9, 40, 4));
  expect_like_plain({{x, cos, sin},
                     {},
                     [&] { return std::vector<at::Tensor>{rotary(x, positions, cos, sin)}; },
                     [&](const auto& in, const auto&) {
                       return std::vector<at::Tensor>{rotary_plain(in[0], positions, in[1], in[2])};
                     }});
}

TEST(Rotary, AllDims) { expect_gradients(32, 16); }
TEST(Rotary, SomeDims) { expect_gradients(50, 11); }

// Position 1 of a quarter turn: (x, y) -> (-y, x), the pair being half a head apart.
TEST(Rotary, QuarterTurn) {
  const at::Tensor x = random_tensor({1, 1, 4}, 1);
  const at::Tensor cos = random_tensor({2, 2}, 2).zero_(),
                   sin = random_tensor({2, 2}, 2).fill_(1.0);
  const std::vector<float> in = values_of(x), out = values_of(rotary(x, int_tensor({1}), cos, sin));
  EXPECT_EQ(out, (std::vector<float>{-in[2], -in[3], in[0], in[1]}));
}

TEST(Rotary, APositionBeyondTheTableIsOurBug) {
  const at::Tensor table = random_tensor({8, 2}, 1);
  EXPECT_THROW(rotary(random_tensor({1, 1, 4}, 1), int_tensor({8}), table, table), InternalError);
}

}  // namespace
}  // namespace retort::kernels
