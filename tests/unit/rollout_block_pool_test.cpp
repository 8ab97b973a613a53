// Invariants of the pool's header.
#include "base/check.h"
#include "rollout/block_pool.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

TEST(BlockPool, GivesTheLowestFreePage) {
  BlockPool pool(3);
  EXPECT_EQ(pool.take(), 0);
  EXPECT_EQ(pool.take(), 1);
  pool.release(0);
  EXPECT_EQ(pool.take(), 0);
  EXPECT_EQ(pool.take(), 2);
  EXPECT_EQ(pool.take(), std::nullopt);
}

TEST(BlockPool, ASharedPageIsFreeWhenItsLastReaderLeft) {
  BlockPool pool(1);
  const int32_t page = *pool.take();
  pool.share(page);
  pool.release(page);
  EXPECT_EQ(pool.free_pages(), 0);
  EXPECT_EQ(pool.readers(page), 1);
  pool.release(page);
  EXPECT_EQ(pool.free_pages(), 1);
}

TEST(BlockPool, RefusesAPageThatNobodyHolds) {
  BlockPool pool(1);
  EXPECT_THROW(pool.release(0), InternalError);
  EXPECT_THROW(pool.share(0), InternalError);
}

}  // namespace
}  // namespace retort
