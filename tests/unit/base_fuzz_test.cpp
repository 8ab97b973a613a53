// A short fuzz of every target without libFuzzer: mutations of the seeds by Philox, so that a
// failure comes again.
#include "base/philox.h"
#include "tests/fuzz/fuzz_targets.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace retort::tests {
namespace {

using Bytes = std::vector<uint8_t>;

// One to six changes: a byte, a bit, a number at a border, a part cut out, doubled, or taken from
// another seed.
Bytes mutate(Bytes bytes, const Bytes& other, PhiloxStream& draw) {
  static constexpr uint32_t kBorders[] = {0, 1, 0x7f, 0xff, 0x7fffffff, 0x80000000, 0xffffffff};
  for (int64_t changes = draw.range(1, 6); changes > 0; --changes) {
    if (bytes.empty()) return other;
    const auto at = static_cast<size_t>(draw.range(0, static_cast<int64_t>(bytes.size()) - 1));
    const size_t length = std::min(bytes.size() - at, static_cast<size_t>(draw.range(1, 16)));
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = from + static_cast<std::ptrdiff_t>(length);
    switch (draw.range(0, 6)) {
      case 0:
        bytes[at] = static_cast<uint8_t>(draw.range(0, 255));
        break;
      case 1:
        bytes[at] ^= static_cast<uint8_t>(1u << draw.range(0, 7));
        break;
      case 2:
        for (size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
          bytes[at + i] =
              static_cast<uint8_t>(kBorders[draw.range(0, std::ssize(kBorders) - 1)] >> (8 * i));
        break;
      case 3:
        bytes.erase(from, to);
        break;
      case 4: {
        const Bytes part(from, to);
        bytes.insert(from, part.begin(), part.end());
        break;
      }
      case 5:
        bytes.resize(at);
        break;
      default:
        for (size_t i = 0; i < length && at + i < other.size(); ++i) bytes[at + i] = other[at + i];
    }
  }
  return bytes;
}

TEST(Fuzz, SeedsAreAcceptedAsTheyAre) {
  for (const FuzzTarget& target : fuzz_targets()) {
    ASSERT_FALSE(target.seeds().empty()) << target.name;
    for (const Bytes& seed : target.seeds()) EXPECT_EQ(target.problem(seed), "") << target.name;
  }
}

// The first problem among `inputs` mutations, or "".
std::string fuzz(const FuzzTarget& target, uint32_t stream, int inputs) {
  const std::vector<Bytes> seeds = target.seeds();
  PhiloxStream draw({11, Purpose::kFaultInjection, 0}, stream, 0, 0);
  const auto pick = [&]() -> const Bytes& {
    return seeds[static_cast<size_t>(draw.range(0, std::ssize(seeds) - 1))];
  };
  for (int i = 0; i < inputs; ++i) {
    const std::string problem = target.problem(mutate(pick(), pick(), draw));
    if (!problem.empty()) return "input " + std::to_string(i) + ": " + problem;
  }
  return "";
}

TEST(Fuzz, NoMutationBreaksAReader) {
  uint32_t stream = 0;
  for (const FuzzTarget& target : fuzz_targets())
    EXPECT_EQ(fuzz(target, stream++, 400000), "") << target.name;
}

// A reader that trusts a length must be found out.
TEST(Fuzz, FindsAPlantedFault) {
  const FuzzTarget trusting{"trusting",
                            [](std::span<const uint8_t> bytes) -> std::string {
                              if (bytes.size() < 2 || bytes[0] != 'T') return "";
                              return bytes[1] + 2u > bytes.size() ? "reads beyond the end" : "";
                            },
                            [] {
                              return std::vector<Bytes>{{'T', 3, 1, 2, 3}};
                            }};
  EXPECT_NE(fuzz(trusting, 0, 1000), "");
}

}  // namespace
}  // namespace retort::tests
