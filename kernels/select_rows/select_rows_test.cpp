#include "kernels/select_rows/select_rows.h"

#include "base/check.h"
#include "kernels/operation_test.h"

#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

TEST(SelectRows, GradientsLikeThePlainDefinition) {
  const at::Tensor x = random_leaf({9, 5}, 1), rows = long_tensor({0, 3, 4, 8});
  expect_like_plain({{x},
                     {},
                     [&] { return std::vector<at::Tensor>{select_rows(x, rows)}; },
                     [&](const auto& in, const auto&) {
                       return std::vector<at::Tensor>{in[0].index_select(0, rows)};
                     }});
}

TEST(SelectRows, NoRows) {
  EXPECT_EQ(select_rows(random_tensor({9, 5}, 1), long_tensor({})).size(0), 0);
}

TEST(SelectRows, RowsOutOfOrderAreOurBug) {
  const at::Tensor x = random_tensor({9, 5}, 1);
  EXPECT_THROW(select_rows(x, long_tensor({3, 3})), InternalError);
  EXPECT_THROW(select_rows(x, long_tensor({9})), InternalError);
}

}  // namespace
}  // namespace retort::kernels
