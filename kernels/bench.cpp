#include "kernels/bench.h"

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/peak.h"

#include <algorithm>
#include <chrono>

namespace retort::kernels {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Bench::Bench(std::string device, Report report)
    : device_(std::move(device)), report_(std::move(report)) {
  measure_peaks();
}

void Bench::measure_peaks() {
  flops_ = std::max(flops_, on_gpu() ? cuda_peak_flops(0) : cpu_peak_flops());
  bytes_ = std::max(bytes_, on_gpu() ? cuda_peak_bytes(0) : cpu_peak_bytes());
}

double Bench::best_seconds(const std::function<void()>& call) {
  call();
  double best = 1e30;
  const double end = now_s() + 0.15;
  for (int i = 0; i < 5 || (now_s() < end && i < 1000); ++i) {
    const double begin = now_s();
    call();
    best = std::min(best, now_s() - begin);
  }
  return best;
}

void Bench::add(const std::string& name, BenchSettings settings, const BenchWork& work,
                double amount, const std::string& unit, double seconds) {
  measure_peaks();
  if (!on_gpu()) {
    settings.emplace_back("threads", threads());
    settings.emplace_back("isa", std::string(instruction_set()));
  }
  const double arithmetic = work.flops / flops_, traffic = work.bytes / bytes_;
  BenchResult result;
  result.name = name;
  result.device = device_;
  result.settings = std::move(settings);
  result.bound_kind = arithmetic >= traffic ? "fma" : "memory";
  result.bound = amount / std::max(arithmetic, traffic);
  result.measured = amount / seconds;
  result.unit = unit;
  result.ratio = result.measured / result.bound;
  report_(result);
}

void Bench::add_beside(const std::string& name, BenchSettings settings,
                       const std::string& bound_kind, double bound_seconds, double amount,
                       const std::string& unit, double seconds) {
  report_({name, "cpu", std::move(settings), bound_kind, amount / bound_seconds, amount / seconds,
           unit, bound_seconds / seconds});
}

void Bench::compute(const std::string& name, BenchSettings settings, double flops,
                    const std::function<void()>& call) {
  add(name, std::move(settings), {.flops = flops}, flops / 1e9, "GFLOP/s", best_seconds(call));
}

void Bench::memory(const std::string& name, BenchSettings settings, double bytes,
                   const std::function<void()>& call) {
  add(name, std::move(settings), {.bytes = bytes}, bytes / 1e9, "GB/s", best_seconds(call));
}

std::vector<std::pair<int64_t, int64_t>> bench_matrices() {
  return {{128, 256}, {128, 512}, {256, 128}, {576, 576}, {576, 960}, {576, 3072}, {1536, 576}};
}

}  // namespace retort::kernels
