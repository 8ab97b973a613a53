#pragma once
// Benches print bound, measured and ratio. A bound is a peak of the device, the rate of fused
// multiply-adds (on a GPU of bf16 products) or of memory, measured in the same process with the
// same number of threads: before the first case and again after each, the greatest so far, since
// the clock of a processor and its neighbours change while a bench runs. Times are the least of
// several calls.
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace retort::kernels {

using BenchSettings = std::vector<std::pair<std::string, std::variant<int64_t, std::string>>>;

struct BenchResult {
  std::string name;        // "gemm_forward"
  std::string device;      // "cpu", "cuda"
  BenchSettings settings;  // {{"T", 256}, …, {"threads", 2}, {"isa", "avx2"}}
  std::string bound_kind;  // "fma" or "memory": which peak the work meets first; or what else
  double bound = 0;        // in `unit`
  double measured = 0;     // in `unit`
  std::string unit;        // "GFLOP/s", "GB/s", "tok/s"
  double ratio = 0;        // 1: as fast as the bound
};

// What a call has to do at least. The bound is the time of the slower of the two at peak.
struct BenchWork {
  double flops = 0;  // a fused multiply-add counts two
  double bytes = 0;  // to and from memory
};

class Bench {
 public:
  using Report = std::function<void(const BenchResult&)>;
  // `device`: "cpu" or "cuda". Every result goes to `report` as soon as it is there.
  Bench(std::string device, Report report);

  bool on_gpu() const { return device_ == "cuda"; }
  // A call that took `seconds` at its best did `amount` of `unit`.
  void add(const std::string& name, BenchSettings settings, const BenchWork& work, double amount,
           const std::string& unit, double seconds);

  // What is bounded by something else, measured beside it by the caller: seconds of the same
  // `amount` of `unit`.
  void add_beside(const std::string& name, BenchSettings settings, const std::string& bound_kind,
                  double bound_seconds, double amount, const std::string& unit, double seconds);

  // The least seconds of one `call`, over about 0.15 s of calls and at least 5. On a GPU the call
  // must wait for the device (wait_for_gpu, bench_op.h).
  static double best_seconds(const std::function<void()>& call);
  // A call bounded by arithmetic in GFLOP/s, or by memory in GB/s.
  void compute(const std::string& name, BenchSettings settings, double flops,
               const std::function<void()>& call);
  void memory(const std::string& name, BenchSettings settings, double bytes,
              const std::function<void()>& call);

 private:
  void measure_peaks();

  std::string device_;
  Report report_;
  double flops_ = 0, bytes_ = 0;  // peaks a second
};

// Cases of the kernels by themselves, each a row of `retort bench`.
void bench_gemm(Bench& bench);
void bench_attention(Bench& bench);
void bench_head(Bench& bench);
void bench_elementwise(Bench& bench);

// Matrices [K in, N out] of the models that the benches know: the quickstart's and SmolLM2-135M's.
std::vector<std::pair<int64_t, int64_t>> bench_matrices();

}  // namespace retort::kernels
