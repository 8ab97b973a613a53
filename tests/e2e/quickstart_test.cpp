// The README's first command reaches its curve. Steps are asserted, never seconds.
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace retort {
namespace {

TEST(Quickstart, ReachesItsCurve) {
  const testing::TemporaryFolder folder;
  const testing::ProgramResult result =
      testing::run_retort("train configs/quickstart.toml --quiet --run '" + folder.path("run") +
                          "' --set eval.wide_prompts=0");
  ASSERT_EQ(result.code, 0) << result.err;
  const std::vector<nlohmann::json> rows = testing::metrics_of(folder.path("run"));
  ASSERT_EQ(rows.size(), 51u);
  EXPECT_LT(rows[1]["critic/score/mean"], 0.30);
  const auto trailing = [&](size_t step) {
    double sum = 0;
    for (size_t s = step - 9; s <= step; ++s) sum += rows[s]["critic/score/mean"].get<double>();
    return sum / 10;
  };
  EXPECT_GT(trailing(25), 0.80);
  EXPECT_GT(trailing(50), 0.93);
  EXPECT_GE(rows[50]["eval/all/pass@1"], 0.90);
  EXPECT_GT(rows[50]["eval/all/pass@1"], rows[0]["eval/all/pass@8"])
      << "RL should pass what eight tries of the base reach";
  for (size_t step = 1; step <= 50; ++step) {
    EXPECT_EQ(rows[step]["mismatch/tokens"], 0) << step;
    EXPECT_GE(rows[step]["mismatch/checked"],
              rows[step]["response_length/mean"].get<double>() * 255)
        << step;
  }
}

}  // namespace
}  // namespace retort
