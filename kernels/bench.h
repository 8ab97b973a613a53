#pragma once
// How fast the CPU kernels are beside what bounds them on this machine: the rate of fused
// multiply-adds, or of memory. Both bounds are measured in the same process, with the same number
// of threads, best of several.
#include <string>
#include <vector>

namespace retort::kernels {

struct BenchResult {
  std::string name;        // "gemm_forward"
  std::string settings;    // "T=256 K=576 N=1536 threads=2 isa=avx2"
  std::string bound_kind;  // "fma" or "memory"
  double bound = 0;        // in `unit`
  double measured = 0;     // in `unit`
  std::string unit;        // "GFLOP/s" or "GB/s"
  double ratio = 0;        // measured / bound
};

// Cases of the kernel named, or of all. Takes seconds.
std::vector<BenchResult> bench_kernels(const std::string& only = "");

}  // namespace retort::kernels
