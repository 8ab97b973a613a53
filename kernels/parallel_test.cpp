// Every index once, whatever the numbers of threads and ranges; misuse is caught.
#include "kernels/parallel.h"

#include "base/check.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace retort::kernels {
namespace {

class Parallel : public testing::Test {
 protected:
  void TearDown() override { set_threads(before_); }

 private:
  int before_ = threads();
};

TEST_F(Parallel, EveryIndexOnce) {
  for (const int count : {1, 2, 3, 4, 9}) {
    set_threads(count);
    ASSERT_EQ(threads(), count);
    for (const int64_t size : {0, 1, 2, 7, 8, 9, 100, 1001}) {
      for (const int64_t grain : {1, 2, 16, 5000}) {
        std::vector<std::atomic<int>> seen(size);
        parallel_for(size, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++seen[i];
        });
        for (int64_t i = 0; i < size; ++i)
          ASSERT_EQ(seen[i], 1) << i << " of " << size << ", grain " << grain;
      }
    }
  }
}

TEST_F(Parallel, SmallWorkStaysOnTheCaller) {
  set_threads(4);
  std::thread::id id;
  parallel_for(16, 16, [&](int64_t, int64_t) { id = std::this_thread::get_id(); });
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST_F(Parallel, ManyLoopsWithMoreThreadsThanCores) {
  set_threads(8);
  std::atomic<int64_t> sum = 0;
  for (int loop = 0; loop < 500; ++loop) {
    parallel_for(64, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    // Long enough for workers to fall asleep now and then.
    if (loop % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(sum, 500 * 64);
}

TEST_F(Parallel, ALoopInsideALoopIsOurBug) {
  set_threads(1);
  EXPECT_THROW(
      parallel_for(1, 1, [](int64_t, int64_t) { parallel_for(1, 1, [](int64_t, int64_t) {}); }),
      InternalError);
  // The pool is usable after it.
  parallel_for(1, 1, [](int64_t, int64_t) {});
}

TEST_F(Parallel, ASecondCallerIsOurBug) {
  std::atomic<bool> threw = false;
  parallel_for(1, 1, [&](int64_t, int64_t) {
    std::thread other([&] {
      try {
        parallel_for(1, 1, [](int64_t, int64_t) {});
      } catch (const InternalError&) {
        threw = true;
      }
    });
    other.join();
  });
  EXPECT_TRUE(threw);
}

TEST_F(Parallel, ScratchIsAlignedAndGrows) {
  float* small = scratch(Scratch::kScores, 10);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small) % 64, 0u);
  EXPECT_EQ(scratch(Scratch::kScores, 5), small);
  float* large = scratch(Scratch::kScores, 100000);
  large[99999] = 1;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large) % 64, 0u);
}

}  // namespace
}  // namespace retort::kernels
