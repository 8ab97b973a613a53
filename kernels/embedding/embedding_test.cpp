#include "kernels/embedding/embedding.h"

#include "base/check.h"
#include "kernels/operation_test.h"
#include "kernels/testing.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

TEST(Embedding, GradientsLikeThePlainDefinition) {
  const std::vector<int32_t> ids = random_ids(50, 7, 1);
  Parameter weight = random_parameter({7, 20}, 2);
  expect_like_plain({{},
                     {&weight},
                     [&] { return std::vector<at::Tensor>{embedding(int_tensor(ids), weight)}; },
                     [&](const auto&, const auto& values) {
                       return std::vector<at::Tensor>{values[0].index_select(0, int_tensor(ids))};
                     }});
}

TEST(Embedding, IsTheRootOfTheGraphWhenTrained) {
  Parameter weight = random_parameter({7, 20}, 2);
  EXPECT_TRUE(embedding(int_tensor({1, 2}), weight).requires_grad());
  {
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(embedding(int_tensor({1, 2}), weight).requires_grad());
  }
  weight.grad = at::Tensor();
  EXPECT_FALSE(embedding(int_tensor({1, 2}), weight).requires_grad());
}

TEST(Embedding, AnIdBeyondTheVocabularyIsOurBug) {
  Parameter weight = random_parameter({7, 20}, 2);
  EXPECT_THROW(embedding(int_tensor({7}), weight), InternalError);
  EXPECT_THROW(embedding(int_tensor({-1}), weight), InternalError);
}

}  // namespace
}  // namespace retort::kernels
