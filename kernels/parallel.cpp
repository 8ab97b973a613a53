#include "kernels/parallel.h"

#include "base/check.h"
#include "base/wait.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace retort::kernels {
namespace {

constexpr int kMaxThreads = 64;
constexpr double kEndSeconds = 600;  // beyond the longest part of a loop
constexpr auto kSpin = std::chrono::microseconds(30);
// Ranges per thread: enough to even out threads that are preempted, few enough to cost nothing.
constexpr int64_t kRangesPerThread = 4;

void relax() { __builtin_ia32_pause(); }

// Spins until `ready()` or until the spin time is over; says whether it became ready.
template <class Ready>
bool spin(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  for (;;) {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      relax();
    }
    if (std::chrono::steady_clock::now() >= end) return ready();
  }
}

// One loop at a time. A worker takes a range by lowering cursor_, which holds the loop's number and
// how many ranges are left: a worker that wakes late sees another number or no range, and takes
// nothing.
class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 1; i < threads; ++i)
      workers_.push_back(std::make_unique<WaitedThread>([this] { work(); }));
  }
  ~Pool() {
    stop_.store(true);
    loop_.fetch_add(1);
    loop_.notify_all();
    const Deadline deadline = Deadline::after(kEndSeconds);
    const WaitScope scope("the end of the threads that compute", "one of them", deadline);
    for (const auto& worker : workers_) worker->join_or_abort(scope, deadline);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void run(int64_t count, int64_t range, LoopBody body, void* context) {
    const auto ranges = static_cast<uint32_t>((count + range - 1) / range);
    body_ = body;
    context_ = context;
    count_ = count;
    range_ = range;
    ranges_ = ranges;
    left_.store(ranges, std::memory_order_relaxed);
    const uint32_t loop = loop_.load(std::memory_order_relaxed) + 1;
    cursor_.store(static_cast<uint64_t>(loop) << 32 | ranges, std::memory_order_release);
    loop_.store(loop, std::memory_order_release);
    loop_.notify_all();
    take_ranges(loop);
    const auto finished = [this] { return left_.load(std::memory_order_acquire) == 0; };
    if (spin(finished)) return;
    for (uint32_t left = left_.load(std::memory_order_acquire); left != 0;
         left = left_.load(std::memory_order_acquire)) {
      rest_while(left_, left);
    }
  }

 private:
  void work() {
    uint32_t seen = 0;
    for (;;) {
      const auto started = [&] { return loop_.load(std::memory_order_acquire) != seen; };
      if (!spin(started)) rest_while(loop_, seen);
      seen = loop_.load(std::memory_order_acquire);
      if (stop_.load()) return;
      take_ranges(seen);
    }
  }

  void take_ranges(uint32_t loop) {
    uint64_t cursor = cursor_.load(std::memory_order_acquire);
    while (static_cast<uint32_t>(cursor >> 32) == loop) {
      const auto untaken = static_cast<uint32_t>(cursor);
      if (untaken == 0) return;
      if (!cursor_.compare_exchange_weak(cursor, cursor - 1, std::memory_order_acq_rel)) continue;
      const int64_t begin = static_cast<int64_t>(ranges_ - untaken) * range_;
      body_(context_, begin, std::min(begin + range_, count_));
      if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_all();
      cursor = cursor_.load(std::memory_order_acquire);
    }
  }

  // Written by the caller before the release of cursor_, read after a range was taken: stable until
  // left_ is 0.
  LoopBody body_ = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
  int64_t range_ = 0;
  uint32_t ranges_ = 0;
  std::atomic<uint64_t> cursor_{0};  // loop number << 32 | ranges not taken
  std::atomic<uint32_t> loop_{0};    // number of the newest loop
  std::atomic<uint32_t> left_{0};    // ranges of it that are not finished
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<WaitedThread>> workers_;  // last member: workers use the others
};

// Whole processors of the control group's quota, 0 when there is none.
int quota_processors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::strtod(quota.c_str(), nullptr) / period + 0.5));
}

int default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = sched_getaffinity(0, sizeof(set), &set) == 0
                  ? CPU_COUNT(&set)
                  : static_cast<int>(std::thread::hardware_concurrency());
  if (const int quota = quota_processors()) count = std::min(count, quota);
  return std::clamp(count, 1, kMaxThreads);
}

std::unique_ptr<Pool>& pool() {
  static std::unique_ptr<Pool> pool = std::make_unique<Pool>(default_threads());
  return pool;
}

std::atomic<bool> running{false};

struct Running {
  Running() {
    RT_CHECK(!running.exchange(true, std::memory_order_acquire))
        << "parallel_for called from two threads, or inside a loop";
  }
  ~Running() { running.store(false, std::memory_order_release); }
};

struct FreeAligned {
  void operator()(float* p) const { std::free(p); }
};
struct ScratchSlot {
  std::unique_ptr<float, FreeAligned> data;
  int64_t floats = 0;
};

}  // namespace

int threads() { return pool()->threads(); }

void set_threads(int count) {
  RT_CHECK_GE(count, 1);
  const Running guard;
  count = std::min(count, kMaxThreads);
  if (pool()->threads() == count) return;
  pool().reset();
  pool() = std::make_unique<Pool>(count);
}

void run_loop(int64_t count, int64_t grain, LoopBody body, void* context) {
  if (count <= 0) return;
  const Running guard;
  Pool& workers = *pool();
  if (count <= grain || workers.threads() == 1) {
    body(context, 0, count);
    return;
  }
  const int64_t even =
      (count + workers.threads() * kRangesPerThread - 1) / (workers.threads() * kRangesPerThread);
  workers.run(count, std::max({grain, even, int64_t{1}}), body, context);
}

float* scratch(Scratch slot, int64_t floats) {
  thread_local ScratchSlot slots[static_cast<int>(Scratch::kCount)];
  ScratchSlot& memory = slots[static_cast<int>(slot)];
  if (memory.floats < floats) {
    // 64-byte multiples, a quarter more than asked: few growth steps.
    const int64_t wanted = (floats + floats / 4 + 15) / 16 * 16;
    memory.data.reset(static_cast<float*>(std::aligned_alloc(64, wanted * sizeof(float))));
    RT_CHECK(memory.data != nullptr) << wanted << " floats of scratch memory";
    memory.floats = wanted;
  }
  return memory.data.get();
}

}  // namespace retort::kernels
