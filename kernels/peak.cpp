#include "kernels/peak.h"

#include "kernels/dispatch.h"
#include "kernels/parallel.h"

#include <algorithm>
#include <chrono>

namespace retort::kernels {

double cpu_peak_flops() {
  const bool wide = instruction_set() == "avx512";
  constexpr int64_t kSteps = 200000;
  volatile float sink = 0;
  double best = 1e30;
  // The first call wakes the threads and the clock of the processor; it is one of those the best is
  // taken of.
  for (int call = 0; call < 8; ++call) {
    const auto begin = std::chrono::steady_clock::now();
    // One piece of work for each thread.
    parallel_for(threads(), 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        sink = wide ? avx512::fma_loop(kSteps) : avx2::fma_loop(kSteps);
    });
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2.0 * kSteps * fma_chains(wide ? 1 : 2) * 16 * threads() / best;
}

}  // namespace retort::kernels
