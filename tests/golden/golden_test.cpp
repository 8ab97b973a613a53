// Ten steps to the last bit, on every processor: a change of the forward, the backward, the
// optimiser, the sampler, the tasks or the rewards moves tests/golden/ten_steps.jsonl and comes
// with a new one and the reason in the same commit.
//   RETORT_WRITE_GOLDEN=1 tools/test.sh -R golden     writes it anew
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>

namespace retort {
namespace {

constexpr const char* kGolden = "tests/golden/ten_steps.jsonl";

std::string ten_steps(const std::string& more) {
  const testing::TemporaryFolder folder;
  const testing::ProgramResult result =
      testing::run_retort("train tests/configs/tiny.toml --quiet --set train.steps=10 --run '" +
                          folder.path("run") + "'" + more);
  EXPECT_EQ(result.code, 0) << result.err;
  return testing::deterministic_metrics(folder.path("run"));
}

TEST(Golden, TenSteps) {
  const std::string rows = ten_steps("");
  if (std::getenv("RETORT_WRITE_GOLDEN") != nullptr) testing::write_text(kGolden, rows);
  EXPECT_EQ(rows, testing::file_text(kGolden));
}

TEST(Golden, ThreadsDoNotMoveIt) {
  EXPECT_EQ(ten_steps(" --set run.threads=1"), testing::file_text(kGolden));
}

TEST(Golden, SeesAChangeInTheLastDigits) {
  EXPECT_NE(ten_steps(" --set learner.lr=3.000001e-4"), testing::file_text(kGolden));
}

}  // namespace
}  // namespace retort
