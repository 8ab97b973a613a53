#include "base/check.h"
#include "base/error.h"
#include "base/number.h"
#include "base/registry.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

TEST(Error, OneLineWithPlaceWhatAndFix) {
  const UserError user("[rollout.group_size]", "got 1", "set it to 2 or more");
  EXPECT_STREQ(user.what(), "[rollout.group_size]: got 1; set it to 2 or more");
  const MissingError missing("cmake", "not found", "run tools/setup.sh");
  EXPECT_STREQ(missing.what(), "cmake: not found; run tools/setup.sh");
  const UserError zero("a", std::string("b\0c", 3), "d");
  EXPECT_STREQ(zero.what(), "a: b\\x00c; d");
}

TEST(Error, DidYouMeanFindsOneMistakeOfATypist) {
  const std::vector<std::string> known = {"group_size", "temperature", "top_k", "top_p"};
  for (const char* typo : {"group_sise", "gropu_size", "group_siz", "group_sizee", "groupsize"})
    EXPECT_EQ(did_you_mean(typo, known), " (did you mean group_size?)") << typo;
  EXPECT_EQ(did_you_mean("tempreature", known), " (did you mean temperature?)");
  EXPECT_EQ(did_you_mean("top_p", known), " (did you mean top_p?)");
}

TEST(Error, DidYouMeanKeepsSilentWhenNothingIsNear) {
  EXPECT_EQ(did_you_mean("learning_rate", {"group_size", "temperature"}), "");
  EXPECT_EQ(did_you_mean("ab", {"cd"}), "");
  EXPECT_EQ(did_you_mean("", {"a"}), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

TEST(Error, TheNearestWinsAndTheFirstOfEquals) {
  EXPECT_EQ(did_you_mean("trai", {"trains", "train"}), " (did you mean train?)");
  EXPECT_EQ(did_you_mean("abcx", {"abcd", "abce"}), " (did you mean abcd?)");
}

TEST(Error, JoinSeparates) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "b", "c"}, " | "), "a | b | c");
}

TEST(Check, FailurePrintsBothValuesAndPlace) {
  RT_CHECK_EQ(2 + 2, 4) << "never built";
  try {
    const int rows = 3;
    RT_CHECK_EQ(rows, 4) << "head of layer " << 7;
    FAIL();
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("base_error_test.cpp:"), std::string::npos);
    EXPECT_NE(text.find("check failed: rows == 4 (3 vs 4): head of layer 7"), std::string::npos);
  }
}

TEST(Registry, FindsARowAndNamesTheKnown) {
  using Row = RegistryRow<int (*)()>;
  static const Row kRows[] = {{"exact_match", "equal text", [] { return 1; }},
                              {"task", "the task's own verifier", [] { return 2; }}};
  const std::span<const Row> rows(kRows);
  EXPECT_EQ(find_row(rows, "task", "[rewards]", "reward").make(), 2);
  try {
    find_row(rows, "exact_mach", "[rewards]", "reward");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "[rewards]: unknown reward 'exact_mach' (did you mean exact_match?); "
                 "known: exact_match, task");
  }
}

TEST(Number, ShortestReadsBackToTheSameBits) {
  EXPECT_EQ(shortest(1), "1.0");
  EXPECT_EQ(shortest(-0.0), "-0.0");
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(1e-6), "1e-06");
  EXPECT_EQ(shortest(123456.0), "123456.0");
  EXPECT_EQ(shortest(1e22), "1e+22");
  EXPECT_EQ(compact(100), "100");
  for (double x = 5e-324; x < 1e308; x *= 1.7)
    for (const double value : {x, -x, 1 / x})
      EXPECT_EQ(std::strtod(shortest(value).c_str(), nullptr), value);
}

TEST(Number, FormatFloatIsNineSignificantDigits) {
  EXPECT_EQ(format_float(0.1f), "0.100000001");
  EXPECT_EQ(format_float(-0.7f), "-0.699999988");
  EXPECT_EQ(format_float(1), "1");
  EXPECT_EQ(format_float(1e-10f), "1.00000001e-10");
  char expected[32];
  for (float x = 1e-38f; x < 1e38f; x *= 1.37f) {
    std::snprintf(expected, sizeof expected, "%.9g", static_cast<double>(x));
    EXPECT_EQ(format_float(x), expected);
    EXPECT_EQ(std::strtof(format_float(x).c_str(), nullptr), x);
  }
}

}  // namespace
}  // namespace retort
