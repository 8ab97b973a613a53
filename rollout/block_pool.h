#pragma once
// BlockPool: which cache pages are free, and how many sequences read each. Threads: the engine's
// only.
//
// Invariants: a page is free (0 readers) or held (>= 1); the lowest free page is given out first,
// so page numbers are a function of the requests alone (they reach no result either way: the
// contract of one forward).
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace retort {

class BlockPool {
 public:
  explicit BlockPool(int64_t pages);

  // A page with one reader; nullopt when none is free.
  std::optional<int32_t> take();
  void share(int32_t page);    // one more reader
  void release(int32_t page);  // one reader less; free at 0
  int32_t readers(int32_t page) const { return readers_[page]; }
  int64_t free_pages() const { return static_cast<int64_t>(free_.size()); }
  int64_t pages() const { return static_cast<int64_t>(readers_.size()); }

 private:
  std::vector<int32_t> readers_;
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> free_;
};

}  // namespace retort
