#include "kernels/operation_test.h"
#include "kernels/swiglu/swiglu_op.h"

#include <gtest/gtest.h>

#include <cmath>

namespace retort::kernels {
namespace {

TEST(Swiglu, GradientsLikeThePlainDefinition) {
  const at::Tensor x = random_tensor({17, 2 * 45}, 1).mul(8.0).set_requires_grad(true);
  expect_like_plain(
      {{x},
       {},
       [&] { return std::vector<at::Tensor>{swiglu(x)}; },
       [](const auto& in, const auto&) { return std::vector<at::Tensor>{swiglu_plain(in[0])}; }});
}

// Where exp overflows, silu is 0 and its derivative too, not a number that is none.
TEST(Swiglu, FarEnds) {
  const at::Tensor x = random_tensor({1, 4}, 1);
  x.data_ptr<float>()[0] = -200.0f;
  x.data_ptr<float>()[1] = 200.0f;
  x.data_ptr<float>()[2] = 1.0f;
  x.data_ptr<float>()[3] = 1.0f;
  x.set_requires_grad(true);
  const at::Tensor y = swiglu(x);
  EXPECT_EQ(values_of(y)[0], 0.0f);
  EXPECT_EQ(values_of(y)[1], 200.0f);
  y.sum().backward();
  EXPECT_EQ(values_of(x.grad())[0], 0.0f);
  EXPECT_EQ(values_of(x.grad())[1], 1.0f);
}

}  // namespace
}  // namespace retort::kernels
