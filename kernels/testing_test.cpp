// The measures themselves: what they must see.
#include "kernels/testing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace retort::kernels {
namespace {

TEST(SimError, IsTheSquareOfTheRelativeError) {
  EXPECT_EQ(sim_error(std::vector<double>{1, 2}, {1, 2}), 0);
  EXPECT_EQ(sim_error(std::vector<double>{0, 0}, {0, 0}), 0);
  EXPECT_NEAR(sim_error(std::vector<double>{1, 0}, {0, 1}), 1, 1e-15);
  EXPECT_NEAR(sim_error(std::vector<double>{1 + 1e-3}, {1}), 0.5e-6, 1e-9);
  EXPECT_FALSE(sim_error(std::vector<double>{std::nan("")}, {1}) < 1);
}

TEST(BitwiseEqual, NamesTheFirstDifference) {
  std::vector<float> a = random_floats(12, 1), b = a;
  EXPECT_TRUE(bitwise_equal(a, b));
  b[7] = std::nextafter(a[7], 2.0f);
  const BitComparison different = bitwise_equal(a.data(), b.data(), {3, 4});
  EXPECT_FALSE(different);
  EXPECT_NE(different.message.find("element [1, 3]"), std::string::npos) << different.message;
  a[0] = 0.0f;
  b[0] = -0.0f;
  EXPECT_FALSE(bitwise_equal(a, b)) << "the sign of zero is a bit";
  EXPECT_FALSE(bitwise_equal(std::vector<float>{1}, {1, 1}));
}

TEST(GuardedOutput, SeesAWriteOutside) {
  GuardedOutput out(5);
  for (int i = 0; i < 5; ++i) out.data()[i] = 1;
  EXPECT_TRUE(out.intact());
  out.data()[5] = 1;
  EXPECT_FALSE(out.intact());
  GuardedOutput before(5);
  before.data()[-1] = 1;
  EXPECT_FALSE(before.intact());
}

TEST(RandomFloats, DependOnSeedAndIndex) {
  EXPECT_EQ(random_floats(5, 1), random_floats(5, 1));
  EXPECT_NE(random_floats(5, 1), random_floats(5, 2));
  for (const float x : random_floats(1000, 3)) EXPECT_LT(std::abs(x), 1.0f + 1e-6f);
}

}  // namespace
}  // namespace retort::kernels
