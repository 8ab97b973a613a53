#include "kernels/residual_add/residual_add.h"

#include "kernels/operation_test.h"

#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

TEST(ResidualAdd, GradientsLikeThePlainDefinition) {
  const at::Tensor x = random_leaf({5, 33}, 1), r = random_leaf({5, 33}, 2);
  expect_like_plain(
      {{x, r},
       {},
       [&] { return std::vector<at::Tensor>{residual_add(x, r)}; },
       [](const auto& in, const auto&) { return std::vector<at::Tensor>{in[0].add(in[1])}; }});
}

}  // namespace
}  // namespace retort::kernels
