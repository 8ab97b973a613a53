#include "rollout/block_pool.h"

#include "base/check.h"

namespace retort {

BlockPool::BlockPool(int64_t pages) : readers_(pages, 0) {
  for (int64_t page = 0; page < pages; ++page) free_.push(static_cast<int32_t>(page));
}

std::optional<int32_t> BlockPool::take() {
  if (free_.empty()) return std::nullopt;
  const int32_t page = free_.top();
  free_.pop();
  readers_[page] = 1;
  return page;
}

void BlockPool::share(int32_t page) {
  RT_CHECK_GT(readers_[page], 0) << "page " << page << " is free";
  ++readers_[page];
}

void BlockPool::release(int32_t page) {
  RT_CHECK_GT(readers_[page], 0) << "page " << page << " is free already";
  if (--readers_[page] == 0) free_.push(page);
}

}  // namespace retort
