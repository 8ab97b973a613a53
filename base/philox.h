#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). No generator state anywhere: a draw is a pure function of its key and
// counter, so nothing depends on arrival order, thread count or worker count.
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace retort {

// What a draw is for; the values are part of every run's bytes and never change.
enum class Purpose : uint32_t {
  kSampling = 0,
  kTaskDraw = 1,
  kShuffle = 2,
  kSynthesis = 3,
  kInitialisation = 4,
  kEvaluation = 5,
  kFaultInjection = 6,
};

struct PhiloxKey {
  uint32_t seed = 0;  // run.seed
  Purpose purpose = Purpose::kSampling;
  uint32_t branch = 0;  // 24 bits
};

// (step, task index, slot in the group, absolute position), or what the purpose says of its four
// words.
using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxBlock = std::array<uint32_t, 4>;

// One block: ten rounds with key (seed, purpose | branch << 8).
PhiloxBlock philox(const PhiloxKey& key, const PhiloxCounter& counter);

// The raw function, for the known-answer tests of the Random123 library.
PhiloxBlock philox4x32_10(std::array<uint32_t, 2> key, PhiloxCounter counter);

// The upper 53 bits of (first word, second word), first word high: uniform in [0, 1), multiples of
// 2^-53.
double uniform53(const PhiloxBlock& block);

// A stream of draws with the fourth counter word as its position. For generators that need many
// numbers (task families, initialisation, shuffles); copyable, starts at position 0.
class PhiloxStream {
 public:
  PhiloxStream(const PhiloxKey& key, uint32_t a, uint32_t b, uint32_t c)
      : key_(key), counter_{a, b, c, 0} {}
  uint32_t next_u32();
  uint64_t next_u64();
  double uniform();                          // [0, 1), 53 bits
  int64_t range(int64_t low, int64_t high);  // uniform in [low, high], both included, without bias
  bool coin(double probability);             // true with this probability
  double normal();                           // N(0, 1): Box-Muller with base/exact_math.h

  // Fisher-Yates; the order is a function of the stream alone.
  template <class Vector>
  void shuffle(Vector& items) {
    for (size_t i = items.size(); i > 1; --i) {
      const auto j = static_cast<size_t>(range(0, static_cast<int64_t>(i) - 1));
      using std::swap;
      swap(items[i - 1], items[j]);
    }
  }

 private:
  PhiloxKey key_;
  PhiloxCounter counter_;
  PhiloxBlock block_{};
  int used_ = 4;  // words of block_ already handed out
};

}  // namespace retort
