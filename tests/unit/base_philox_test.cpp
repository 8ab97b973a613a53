#include "base/check.h"
#include "base/philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace retort {
namespace {

// Known answers of the Random123 library (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox, KnownAnswersOfRandom123) {
  EXPECT_EQ(philox4x32_10({0, 0}, {0, 0, 0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox4x32_10({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
      (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32_10({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
      (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, KeyIsSeedThenPurposeAndBranch) {
  const PhiloxCounter counter = {1, 2, 3, 4};
  EXPECT_EQ(philox({7, Purpose::kEvaluation, 9}, counter), philox4x32_10({7, 5 | 9 << 8}, counter));
  EXPECT_NE(philox({7, Purpose::kSampling, 0}, counter),
            philox({7, Purpose::kTaskDraw, 0}, counter));
  EXPECT_THROW(philox({7, Purpose::kSampling, 1u << 24}, counter), InternalError);
}

TEST(Philox, Uniform53TakesTheUpperBits) {
  EXPECT_EQ(uniform53({0, 0, 9, 9}), 0.0);
  EXPECT_EQ(uniform53({0x80000000, 0, 9, 9}), 0.5);
  EXPECT_EQ(uniform53({0, 1u << 11, 9, 9}), 0x1p-53);
  EXPECT_EQ(uniform53({0xffffffff, 0xffffffff, 0, 0}), 1 - 0x1p-53);
}

TEST(PhiloxStream, WordsAreTheBlocksInOrder) {
  const PhiloxKey key{3, Purpose::kSynthesis, 0};
  PhiloxStream stream(key, 1, 2, 3);
  for (uint32_t block = 0; block < 3; ++block)
    for (const uint32_t word : philox(key, {1, 2, 3, block})) EXPECT_EQ(stream.next_u32(), word);
}

TEST(PhiloxStream, RangeIsUniformAndHasBothEnds) {
  PhiloxStream stream({1, Purpose::kSynthesis, 0}, 0, 0, 0);
  std::map<int64_t, int> counts;
  const int draws = 60000;
  for (int i = 0; i < draws; ++i) ++counts[stream.range(-2, 3)];
  ASSERT_EQ(counts.size(), 6u);
  EXPECT_EQ(counts.begin()->first, -2);
  // Chi-square with 5 degrees of freedom: 30 has a probability of 1.5e-5.
  double chi2 = 0;
  for (const auto& [value, count] : counts)
    chi2 += std::pow(count - draws / 6.0, 2) / (draws / 6.0);
  EXPECT_LT(chi2, 30);
  EXPECT_EQ(stream.range(5, 5), 5);
  EXPECT_THROW(stream.range(2, 1), InternalError);
}

TEST(PhiloxStream, RangeHoldsAtTheLimitsOfTheType) {
  PhiloxStream stream({1, Purpose::kSynthesis, 0}, 0, 0, 1);
  const int64_t low = std::numeric_limits<int64_t>::min();
  const int64_t high = std::numeric_limits<int64_t>::max();
  int negative = 0;
  for (int i = 0; i < 1000; ++i) negative += stream.range(low, high) < 0;
  EXPECT_NEAR(negative, 500, 80);
  // 3/4 of 2^64: without rejection the lower third of the range would come twice as often.
  int lower_third = 0;
  const int64_t top = low + ((int64_t{1} << 62) - 1) + (int64_t{1} << 62) + (int64_t{1} << 62);
  for (int i = 0; i < 3000; ++i) {
    const int64_t draw = stream.range(low, top);
    ASSERT_LE(draw, top);
    lower_third += draw < low + (int64_t{1} << 62);
  }
  EXPECT_NEAR(lower_third, 1000, 130);
}

TEST(PhiloxStream, CoinHasItsProbability) {
  PhiloxStream stream({1, Purpose::kSynthesis, 0}, 0, 0, 2);
  int heads = 0;
  for (int i = 0; i < 10000; ++i) heads += stream.coin(0.3);
  EXPECT_NEAR(heads, 3000, 230);  // 5 standard deviations
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(stream.coin(0));
    EXPECT_TRUE(stream.coin(1));
  }
}

TEST(PhiloxStream, NormalHasTheMomentsAndTailsOfTheNormal) {
  PhiloxStream stream({1, Purpose::kInitialisation, 0}, 0, 0, 0);
  const int draws = 200000;
  double sum = 0, squares = 0, fourth = 0;
  int beyond_two = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = stream.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    beyond_two += std::fabs(x) > 2;
  }
  EXPECT_NEAR(sum / draws, 0, 5 / std::sqrt(draws));
  EXPECT_NEAR(squares / draws, 1, 5 * std::sqrt(2.0 / draws));
  EXPECT_NEAR(fourth / draws, 3, 5 * std::sqrt(96.0 / draws));
  EXPECT_NEAR(beyond_two / double(draws), 0.0455, 5 * std::sqrt(0.0455 / draws));
}

TEST(PhiloxStream, ShuffleIsAPermutationAndUniform) {
  std::map<std::vector<int>, int> counts;
  for (uint32_t i = 0; i < 12000; ++i) {
    std::vector<int> items = {0, 1, 2};
    PhiloxStream stream({1, Purpose::kShuffle, 0}, i, 0, 0);
    stream.shuffle(items);
    ++counts[items];
  }
  ASSERT_EQ(counts.size(), 6u);
  double chi2 = 0;
  for (const auto& [order, count] : counts) chi2 += std::pow(count - 2000.0, 2) / 2000;
  EXPECT_LT(chi2, 30);
  std::vector<int> many(1000);
  std::iota(many.begin(), many.end(), 0);
  std::vector<int> shuffled = many;
  PhiloxStream({1, Purpose::kShuffle, 0}, 0, 0, 0).shuffle(shuffled);
  EXPECT_NE(shuffled, many);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, many);
}

// The values are part of every run's bytes: these may not change.
TEST(PhiloxStream, GoldenDraws) {
  PhiloxStream stream({42, Purpose::kSynthesis, 0}, 1, 2, 3);
  EXPECT_EQ(stream.next_u64(), 0x1a9b056aaf0661f3u);
  EXPECT_EQ(stream.uniform(), 0x1.eefd3238a0f0cp-1);
  EXPECT_EQ(stream.range(1, 1000), 16);
  EXPECT_EQ(stream.normal(), 0x1.88523fddffdc3p-2);
}

}  // namespace
}  // namespace retort
