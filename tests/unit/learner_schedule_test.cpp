// Oracle: the closed forms of the header, at the borders and between.
#include "learner/schedule.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

TEST(Schedule, ConstantAfterALinearWarmUp) {
  const Schedule schedule{"constant", 2.0, 4, 10, 0.0};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(3), 2.0);
  EXPECT_DOUBLE_EQ(schedule.at(9), 2.0);
}

TEST(Schedule, LinearFallsToItsFinalRatio) {
  const Schedule schedule{"linear", 3e-4, 0, 50, 0.1};
  EXPECT_DOUBLE_EQ(schedule.at(0), 3e-4);
  EXPECT_NEAR(schedule.at(25), 3e-4 * 0.55, 1e-18);
  EXPECT_NEAR(schedule.at(50), 3e-5, 1e-18);
  EXPECT_NEAR(schedule.at(1000), 3e-5, 1e-18);
}

TEST(Schedule, CosineIsHalfwayInTheMiddle) {
  const Schedule schedule{"cosine", 1.0, 100, 1100, 0.05};
  EXPECT_DOUBLE_EQ(schedule.at(99), 1.0);
  EXPECT_DOUBLE_EQ(schedule.at(100), 1.0);
  EXPECT_NEAR(schedule.at(600), 0.525, 1e-12);
  EXPECT_NEAR(schedule.at(1100), 0.05, 1e-12);
}

}  // namespace
}  // namespace retort
