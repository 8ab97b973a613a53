#include "base/philox.h"

#include "base/check.h"
#include "base/exact_math.h"

namespace retort {
namespace {

// Multipliers and Weyl constants of Philox4x32 (SC 2011, table 2 and section 4).
constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

constexpr double kTwoPi = 6.283185307179586476925;

double uniform53_of(uint32_t high, uint32_t low) {
  const uint64_t bits = (uint64_t{high} << 32 | low) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

PhiloxBlock philox4x32_10(std::array<uint32_t, 2> key, PhiloxCounter counter) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

PhiloxBlock philox(const PhiloxKey& key, const PhiloxCounter& counter) {
  RT_CHECK_LT(key.branch, uint32_t{1} << 24) << "branch of a Philox key";
  return philox4x32_10({key.seed, static_cast<uint32_t>(key.purpose) | key.branch << 8}, counter);
}

double uniform53(const PhiloxBlock& block) { return uniform53_of(block[0], block[1]); }

uint32_t PhiloxStream::next_u32() {
  if (used_ == 4) {
    block_ = philox(key_, counter_);
    ++counter_[3];
    RT_CHECK_NE(counter_[3], 0u) << "a Philox stream is exhausted";
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t PhiloxStream::next_u64() {
  const uint64_t high = next_u32();
  return high << 32 | next_u32();
}

double PhiloxStream::uniform() {
  const uint32_t high = next_u32();
  return uniform53_of(high, next_u32());
}

int64_t PhiloxStream::range(int64_t low, int64_t high) {
  RT_CHECK_LE(low, high);
  const uint64_t count = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  if (count == 0) return static_cast<int64_t>(next_u64());  // all 2^64 values
  // Values below 2^64 mod count are rejected: what is left is a whole number of periods.
  const uint64_t rejected = (0 - count) % count;
  uint64_t draw = next_u64();
  while (draw < rejected) draw = next_u64();
  return static_cast<int64_t>(static_cast<uint64_t>(low) + draw % count);
}

bool PhiloxStream::coin(double probability) { return uniform() < probability; }

double PhiloxStream::normal() {
  const double radius_draw = 1 - uniform();  // (0, 1]: its logarithm is finite
  const double angle_draw = uniform();
  return exact::sqrt(-2 * exact::log(radius_draw)) * exact::cos(kTwoPi * angle_draw);
}

}  // namespace retort
