// T tokens, K in, N out of a product; N query heads, KV key/value heads, H head dim of attention.
#include "kernels/bench.h"

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/peak.h"
#include "kernels/testing.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <utility>

namespace retort::kernels {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Least seconds of one call, over about 0.15 s of calls and at least 5.
double best_seconds(const std::function<void()>& call) {
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

// Bytes read and written by a copy that no cache holds.
double memory_bound_gbs() {
  constexpr int64_t kFloats = 1 << 24;
  std::vector<float> from(kFloats, 1.0f), to(kFloats);
  const double seconds = best_seconds([&] {
    parallel_for(kFloats, 1 << 16, [&](int64_t begin, int64_t end) {
      std::memcpy(&to[begin], &from[begin], (end - begin) * sizeof(float));
    });
  });
  return 2.0 * kFloats * sizeof(float) / seconds / 1e9;
}

class Bench {
 public:
  explicit Bench(const std::string& only) : only_(only) {}

  bool wants(const std::string& kernel) const { return only_.empty() || only_ == kernel; }

  void compute(const std::string& name, const std::string& settings, double flops,
               const std::function<void()>& call) {
    if (fma_ == 0) fma_ = cpu_peak_flops() / 1e9;
    add(name, settings, "fma", fma_, flops / best_seconds(call) / 1e9, "GFLOP/s");
  }
  void memory(const std::string& name, const std::string& settings, double bytes,
              const std::function<void()>& call) {
    if (memory_ == 0) memory_ = memory_bound_gbs();
    add(name, settings, "memory", memory_, bytes / best_seconds(call) / 1e9, "GB/s");
  }

  std::vector<BenchResult> take() { return std::move(results_); }

 private:
  void add(const std::string& name, const std::string& settings, const char* kind, double bound,
           double measured, const char* unit) {
    results_.push_back({name,
                        settings + " threads=" + std::to_string(threads()) +
                            " isa=" + std::string(instruction_set()),
                        kind, bound, measured, unit, measured / bound});
  }

  std::string only_;
  double fma_ = 0;
  double memory_ = 0;
  std::vector<BenchResult> results_;
};

void bench_gemm(Bench& bench) {
  const int64_t shapes[][2] = {{128, 256}, {128, 512},  {256, 128},
                               {576, 576}, {576, 3072}, {1536, 576}};
  for (const int64_t T : {1, 16, 256, 2048}) {
    for (const auto& [K, N] : shapes) {
      const std::vector<float> x = random_floats(T * K, 1), w = random_floats(N * K, 2);
      std::vector<float> packed(packed_floats(N, K)), y(T * N), dx(T * K), dw(N * K);
      gemm_pack(w.data(), N, K, packed.data());
      const std::string settings =
          "T=" + std::to_string(T) + " K=" + std::to_string(K) + " N=" + std::to_string(N);
      const double flops = 2.0 * static_cast<double>(T * K * N);
      bench.compute("gemm_forward", settings, flops, [&, K = K, N = N] {
        gemm_forward(x.data(), packed.data(), nullptr, y.data(), T, K, N);
      });
      if (T < 256) continue;
      bench.compute("gemm_backward_input", settings, flops, [&, K = K, N = N] {
        gemm_backward_input(y.data(), w.data(), dx.data(), T, K, N);
      });
      bench.compute("gemm_backward_weight", settings, flops, [&, K = K, N = N] {
        gemm_backward_weight(y.data(), x.data(), dw.data(), nullptr, T, K, N);
      });
    }
  }
}

// `sequences` runs of `queries` tokens each, the last of a context of `context`.
void bench_attention_shape(Bench& bench, const AttentionDims& dims, int64_t sequences,
                           int64_t queries, int64_t context) {
  const int64_t T = sequences * queries, pages = (context + kPageTokens - 1) / kPageTokens;
  const std::vector<float> q = random_floats(T * dims.N * dims.H, 1),
                           k = random_floats(T * dims.KV * dims.H, 2),
                           v = random_floats(T * dims.KV * dims.H, 3);
  std::vector<float> k_pages = random_floats(sequences * pages * page_floats(dims), 4),
                     v_pages = k_pages;
  std::vector<float> o(q.size()), m(T * dims.N), l(T * dims.N), dq(q.size()), dk(k.size()),
      dv(k.size());
  std::vector<int32_t> begin = {0}, first, table;
  for (int64_t s = 0; s < sequences; ++s) {
    begin.push_back(static_cast<int32_t>((s + 1) * queries));
    first.push_back(static_cast<int32_t>(context - queries));
    for (int64_t i = 0; i < pages; ++i) table.push_back(static_cast<int32_t>(s * pages + i));
  }
  const AttentionRuns runs = {sequences, begin.data(), first.data(), table.data(), pages};
  // Pairs of (query, key), the causal half only.
  const double pairs = static_cast<double>(T) *
                       (static_cast<double>(context) - (static_cast<double>(queries) - 1) / 2);
  const double product = 2.0 * pairs * static_cast<double>(dims.N * dims.H);
  const std::string settings = std::to_string(sequences) + "x" + std::to_string(queries) + "/" +
                               std::to_string(context) + " N=" + std::to_string(dims.N) +
                               " KV=" + std::to_string(dims.KV) + " H=" + std::to_string(dims.H);
  bench.compute("attention_forward", settings, 2 * product, [&] {
    attention_forward(q.data(), k.data(), v.data(), runs, dims, k_pages.data(), v_pages.data(),
                      o.data(), m.data(), l.data());
  });
  if (queries < context) return;
  bench.compute("attention_backward", settings, 5 * product, [&] {
    attention_backward(o.data(), o.data(), q.data(), k.data(), v.data(), m.data(), l.data(), runs,
                       dims, dq.data(), dk.data(), dv.data());
  });
}

void bench_attention(Bench& bench) {
  const AttentionDims quickstart = {4, 2, 32, 0}, smollm2 = {9, 3, 64, 0};
  bench_attention_shape(bench, quickstart, 256, 1, 60);
  bench_attention_shape(bench, quickstart, 64, 60, 60);
  bench_attention_shape(bench, smollm2, 64, 1, 400);
  bench_attention_shape(bench, smollm2, 4, 400, 400);
  bench_attention_shape(bench, smollm2, 1, 1, 8192);
}

void bench_head(Bench& bench) {
  for (const auto& [T, D, V] : {std::array<int64_t, 3>{1024, 128, 135}, {64, 576, 49152}}) {
    const std::vector<float> h = random_floats(T * D, 1), w = random_floats(V * D, 2),
                             a = random_floats(T, 3);
    std::vector<float> packed(packed_floats(V, D)), logp(T), entropy(T), dh(T * D), dw(V * D);
    gemm_pack(w.data(), V, D, packed.data());
    const std::vector<int32_t> targets = random_ids(T, static_cast<int32_t>(V), 4);
    const std::string settings =
        "T=" + std::to_string(T) + " D=" + std::to_string(D) + " V=" + std::to_string(V);
    const double flops = 2.0 * static_cast<double>(T * D * V);
    bench.compute("head_forward", settings, flops, [&, T = T, D = D, V = V] {
      head_forward(h.data(), packed.data(), targets.data(), {}, 1.0f, logp.data(), entropy.data(),
                   T, D, V);
    });
    bench.compute("head_backward", settings, 3 * flops, [&, T = T, D = D, V = V] {
      head_backward(a.data(), a.data(), h.data(), packed.data(), w.data(), targets.data(), {}, 1.0f,
                    dh.data(), dw.data(), T, D, V);
    });
  }
}

// Element-wise work on more than the caches hold.
void bench_rows(Bench& bench) {
  constexpr int64_t T = 16384, D = 576;
  const std::string settings = "T=16384 D=576";
  const double row_bytes = static_cast<double>(T * D) * sizeof(float);
  const std::vector<float> x = random_floats(T * 2 * D, 1), w = random_floats(D, 2);
  std::vector<float> y(T * D), rstd(T), dx(T * 2 * D), dw(D);
  if (bench.wants("rms_norm")) {
    bench.memory("rms_norm_forward", settings, 2 * row_bytes,
                 [&] { rms_norm_forward(x.data(), w.data(), 1e-6, y.data(), rstd.data(), T, D); });
    bench.memory("rms_norm_backward", settings, 3 * row_bytes, [&] {
      rms_norm_backward(y.data(), x.data(), w.data(), rstd.data(), dx.data(), dw.data(), T, D);
    });
  }
  if (bench.wants("swiglu")) {
    bench.memory("swiglu_forward", settings, 3 * row_bytes,
                 [&] { swiglu_forward(x.data(), y.data(), T, D); });
    bench.memory("swiglu_backward", settings, 5 * row_bytes,
                 [&] { swiglu_backward(y.data(), x.data(), dx.data(), T, D); });
  }
  if (bench.wants("rotary")) {
    const std::vector<int32_t> positions = random_ids(T, 1024, 3);
    const std::vector<float> table = random_floats(1024 * 32, 4);
    bench.memory("rotary_apply", settings, 2 * row_bytes, [&] {
      rotary_apply(x.data(), positions.data(), table.data(), table.data(), y.data(), T, 9, 64, 32,
                   1.0f);
    });
  }
  if (bench.wants("residual_add")) {
    bench.memory("residual_add_forward", settings, 3 * row_bytes,
                 [&] { residual_add_forward(x.data(), x.data() + T * D, y.data(), T * D); });
  }
  if (bench.wants("adamw")) {
    std::vector<float> m(T * D), v(T * D);
    bench.memory("adamw", settings, 7 * row_bytes, [&] {
      adamw(dx.data(), x.data(), m.data(), v.data(), T * D, AdamwStep{.lr = 1e-4f});
    });
    bench.memory("sum_of_squares", settings, row_bytes, [&] { sum_of_squares(x.data(), T * D); });
  }
}

}  // namespace

std::vector<BenchResult> bench_kernels(const std::string& only) {
  Bench bench(only);
  if (bench.wants("gemm")) bench_gemm(bench);
  if (bench.wants("attention")) bench_attention(bench);
  if (bench.wants("head")) bench_head(bench);
  bench_rows(bench);
  return bench.take();
}

}  // namespace retort::kernels
