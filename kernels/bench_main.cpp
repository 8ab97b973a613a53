// kernels_bench [KERNEL] [THREADS]: one line per case with bound, measured, ratio.
#include "kernels/bench.h"
#include "kernels/parallel.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc > 2) retort::kernels::set_threads(std::atoi(argv[2]));
  for (const auto& r : retort::kernels::bench_kernels(argc > 1 ? argv[1] : "")) {
    std::printf("%-22s %-46s %-6s %8.1f %8.1f %-8s %5.2f\n", r.name.c_str(), r.settings.c_str(),
                r.bound_kind.c_str(), r.bound, r.measured, r.unit.c_str(), r.ratio);
  }
}
