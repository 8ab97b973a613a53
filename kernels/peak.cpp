#include "kernels/peak.h"

#include "kernels/dispatch.h"
#include "kernels/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <vector>

namespace retort::kernels {
namespace {

std::atomic<float> sink = 0;  // keeps the loops alive

// Least seconds of a call. The first wakes the threads and the clock of the processor; it is one of
// those the best is taken of.
template <class Call>
double best_of(int calls, const Call& call) {
  double best = 1e30;
  for (int i = 0; i < calls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

}  // namespace

double cpu_peak_flops() {
  const bool wide = instruction_set() == "avx512";
  // Many short loops: a longer one is seldom alone on a machine that others use.
  constexpr int64_t kSteps = 20000;
  const double seconds = best_of(200, [&] {
    // One piece of work for each thread.
    parallel_for(threads(), 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        sink = wide ? avx512::fma_loop(kSteps) : avx2::fma_loop(kSteps);
    });
  });
  return 2.0 * kSteps * fma_chains(wide ? 1 : 2) * 16 * threads() / seconds;
}

double cpu_peak_bytes() {
  const bool wide = instruction_set() == "avx512";
  constexpr int64_t kFloats = 1 << 25, kPiece = 1 << 16;  // 128 MiB
  static std::vector<float> from(kFloats, 1.0f), to(kFloats);
  const double read = best_of(5, [&] {
    parallel_for(kFloats / kPiece, 1, [&](int64_t first, int64_t last) {
      const float* begin = from.data() + first * kPiece;
      const int64_t count = (last - first) * kPiece;
      sink = wide ? avx512::read_loop(begin, count) : avx2::read_loop(begin, count);
    });
  });
  const double copied = best_of(3, [&] {
    parallel_for(kFloats / kPiece, 1, [&](int64_t first, int64_t last) {
      std::memcpy(to.data() + first * kPiece, from.data() + first * kPiece,
                  static_cast<size_t>((last - first) * kPiece) * sizeof(float));
    });
  });
  const double bytes = static_cast<double>(kFloats) * sizeof(float);
  return std::max(bytes / read, 2.0 * bytes / copied);
}

}  // namespace retort::kernels
