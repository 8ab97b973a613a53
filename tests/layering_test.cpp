// The include table of docs/ARCHITECTURE.md against every #include of the tree, and the proof that
// the check sees each kind of violation.
#include "tests/layering.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace retort::tests {
namespace {

std::string architecture() {
  std::ifstream in("docs/ARCHITECTURE.md");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

IncludeTable table() { return parse_include_table(architecture()); }

std::vector<std::string> check(const std::string& path, const std::string& text) {
  return include_violations(table(), {{path, text}});
}

TEST(Layering, TheTreeFollowsTheTable) {
  const std::vector<SourceFile> files = read_tree(".", {".h", ".cpp", ".cu", ".cuh"});
  ASSERT_GT(files.size(), 5U) << "run from the root of the sources";
  for (const std::string& violation : include_violations(table(), files)) {
    ADD_FAILURE() << violation;
  }
}

TEST(Layering, TheTableIsRead) {
  const IncludeTable read = table();
  EXPECT_EQ(read.may_include.at("rewards"),
            (std::set<std::string>{"base", "tasks", "sandbox", "rewards"}));
  EXPECT_FALSE(read.may_include.at("learner").contains("rollout"));
  EXPECT_TRUE(read.may_include.at("tests").contains("learner"));
  EXPECT_EQ(read.torch.at("kernels").source_endings,
            (std::set<std::string>{"_op.cpp", "_test.cpp", "_testing.cpp"}));
  EXPECT_FALSE(read.torch.at("kernels").any_source);
  EXPECT_TRUE(read.torch.at("rollout").headers.contains("ATen/core/Tensor.h"));
  EXPECT_FALSE(read.torch.at("base").any_source);
}

TEST(Layering, AnArrowOutsideTheTableIsNamed) {
  const auto found =
      check("learner/loss.cpp", "#include <vector>\n#include \"rollout/engine.h\"\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0], "learner/loss.cpp:2: learner may not include rollout (rollout/engine.h)");
  EXPECT_EQ(check("learner/loss.cpp", "#  include <rollout/engine.h>\n").size(), 1U);
  EXPECT_EQ(check("base/rng.h", "#include \"kernels/gemm/gemm.h\"\n").size(), 1U);
  EXPECT_EQ(check("rollout/engine.cpp", "#include \"policy/policy.h\"\n").size(), 0U);
}

TEST(Layering, TorchHeadersStayWhereTheyMay) {
  const std::string tensor = "#include <ATen/core/Tensor.h>\n";
  const std::string umbrella = "#include <torch/torch.h>\n";
  EXPECT_EQ(check("base/rng.cpp", tensor).size(), 1U);
  EXPECT_EQ(check("rewards/score.cpp", "#include \"c10/core/Device.h\"\n").size(), 1U);
  EXPECT_EQ(check("kernels/gemm/gemm_cpu.cpp", tensor).size(), 1U);
  EXPECT_EQ(check("kernels/gemm/gemm.cu", tensor).size(), 1U);
  EXPECT_EQ(check("kernels/gemm/gemm_op.cpp", tensor).size(), 0U);
  EXPECT_EQ(check("kernels/gemm/gemm_test.cpp", tensor).size(), 0U);
  EXPECT_EQ(check("policy/policy.h", tensor).size(), 0U);
  EXPECT_EQ(check("policy/policy.h", umbrella).size(), 1U);
  EXPECT_EQ(check("learner/step.cpp", umbrella).size(), 0U);
}

TEST(Layering, ARuleMayNameHeadersByTheirEnding) {
  const IncludeTable read = parse_include_table(
      "| | kernels | torch headers |\n|---|---|---|\n"
      "| kernels | · | only `*_op.cpp`; `*_op.h` at most `ATen/core/Tensor.h` |\n");
  const auto count = [&](const std::string& path, const std::string& target) {
    return include_violations(read, {{path, "#include <" + target + ">\n"}}).size();
  };
  EXPECT_EQ(count("kernels/a_op.h", "ATen/core/Tensor.h"), 0U);
  EXPECT_EQ(count("kernels/a_op.h", "ATen/ATen.h"), 1U);
  EXPECT_EQ(count("kernels/a.h", "ATen/core/Tensor.h"), 1U);
  EXPECT_EQ(count("kernels/a_op.cpp", "ATen/ATen.h"), 0U);
}

TEST(Layering, IncludesStartAtTheRoot) {
  EXPECT_EQ(check("base/rng.cpp", "#include \"rng.h\"\n").size(), 1U);
  EXPECT_EQ(check("base/rng.cpp", "#include \"fmt/format.h\"\n").size(), 1U);
  EXPECT_EQ(check("base/rng.cpp", "#include <fmt/format.h>\n").size(), 0U);
  EXPECT_EQ(check("extras/a.cpp", "").size(), 1U);
}

TEST(Layering, ATableThatIsNotUnderstoodIsAnError) {
  EXPECT_THROW(parse_include_table("no table"), std::runtime_error);
  EXPECT_THROW(
      parse_include_table("| | base | torch headers |\n|---|---|---|\n| base | x | none |\n"),
      std::runtime_error);
  EXPECT_THROW(
      parse_include_table("| | base | torch headers |\n|---|---|---|\n| base | · | some |\n"),
      std::runtime_error);
  EXPECT_THROW(parse_include_table("| | base | torch headers |\n|---|---|---|\n| base | none |\n"),
               std::runtime_error);
}

}  // namespace
}  // namespace retort::tests
