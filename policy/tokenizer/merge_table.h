#pragma once
// The merges of a byte-pair model: which two neighbouring symbols become one, and how early.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace retort {

// The lower the rank, the earlier.
struct Merge {
  uint32_t rank = std::numeric_limits<uint32_t>::max();
  int32_t result = -1;  // -1: there is no such merge
};

class MergeTable {
 public:
  explicit MergeTable(size_t count)
      : entries_(std::bit_ceil(count * 2 + 16)), shift_(64 - std::countr_zero(entries_.size())) {}

  // Of a pair that is given twice the last merge holds. At most `count` distinct pairs.
  void insert(int32_t left, int32_t right, Merge merge) {
    Entry& entry = entries_[slot_of(left, right)];
    entry = {left, right, merge};
  }

  Merge find(int32_t left, int32_t right) const { return entries_[slot_of(left, right)].merge; }

 private:
  struct Entry {
    int32_t left = -1;
    int32_t right = -1;
    Merge merge;
  };

  // Where the pair is, or the free slot where it would be.
  size_t slot_of(int32_t left, int32_t right) const {
    const uint64_t key =
        static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
    size_t slot = key * 0x9E3779B97F4A7C15U >> shift_;  // Fibonacci hashing
    while (entries_[slot].left >= 0 &&
           (entries_[slot].left != left || entries_[slot].right != right)) {
      slot = (slot + 1) & (entries_.size() - 1);
    }
    return slot;
  }

  std::vector<Entry> entries_;
  int shift_;
};

}  // namespace retort
