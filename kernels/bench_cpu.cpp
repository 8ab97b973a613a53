// The CPU kernels' cases. T tokens, K in, N out of a product; N query heads, KV key/value heads, H
// head dim of attention.
#include "kernels/bench.h"
#include "kernels/bench_gpu.h"
#include "kernels/dispatch.h"
#include "kernels/testing.h"

#include <array>

namespace retort::kernels {
namespace {

void gemm_on_cpu(Bench& bench) {
  for (const int64_t T : {1, 32, 256, 2048}) {
    for (const auto& [K, N] : bench_matrices()) {
      const std::vector<float> x = random_floats(T * K, 1), w = random_floats(N * K, 2);
      std::vector<float> packed(packed_floats(N, K)), y(T * N), dx(T * K), dw(N * K);
      gemm_pack(w.data(), N, K, packed.data());
      const BenchSettings settings = {{"T", T}, {"K", K}, {"N", N}};
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
void attention_shape(Bench& bench, const AttentionDims& dims, int64_t sequences, int64_t queries,
                     int64_t context) {
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
  const double product =
      2.0 * causal_pairs(sequences, queries, context) * static_cast<double>(dims.N * dims.H);
  const BenchSettings settings = attention_settings(dims, sequences, queries, context);
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

}  // namespace

BenchSettings attention_settings(const AttentionDims& dims, int64_t sequences, int64_t queries,
                                 int64_t context) {
  return {{"sequences", sequences}, {"queries", queries}, {"context", context}, {"N", dims.N},
          {"KV", dims.KV},          {"H", dims.H}};
}

double causal_pairs(int64_t sequences, int64_t queries, int64_t context) {
  return static_cast<double>(sequences * queries) *
         (static_cast<double>(context) - (static_cast<double>(queries) - 1) / 2);
}

void bench_gemm(Bench& bench) { bench.on_gpu() ? gemm_on_gpu(bench) : gemm_on_cpu(bench); }

void bench_attention(Bench& bench) {
  if (bench.on_gpu()) return attention_on_gpu(bench);
  attention_shape(bench, kQuickstartHeads, 256, 1, 60);
  attention_shape(bench, kQuickstartHeads, 64, 60, 60);
  attention_shape(bench, kSmolLM2Heads, 64, 1, 400);
  attention_shape(bench, kSmolLM2Heads, 4, 400, 400);
  attention_shape(bench, kSmolLM2Heads, 1, 1, 8192);
}

void bench_head(Bench& bench) {
  for (const auto& [T, D, V] : {std::array<int64_t, 3>{1024, 128, 135}, {64, 576, 49152}}) {
    const std::vector<float> h = random_floats(T * D, 1), w = random_floats(V * D, 2),
                             a = random_floats(T, 3);
    std::vector<float> packed(packed_floats(V, D)), logp(T), entropy(T), dh(T * D), dw(V * D);
    gemm_pack(w.data(), V, D, packed.data());
    const std::vector<int32_t> targets = random_ids(T, static_cast<int32_t>(V), 4);
    const BenchSettings settings = {{"T", T}, {"D", D}, {"V", V}};
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
void bench_elementwise(Bench& bench) {
  constexpr int64_t T = 32768, D = 576;
  const BenchSettings settings = {{"T", T}, {"D", D}};
  const double row_bytes = static_cast<double>(T * D) * sizeof(float);
  const std::vector<float> x = random_floats(T * 2 * D, 1), w = random_floats(D, 2);
  std::vector<float> y(T * D), rstd(T), dx(T * 2 * D), dw(D), m(T * D), v(T * D);
  const std::vector<int32_t> positions = random_ids(T, 1024, 3);
  const std::vector<float> table = random_floats(1024 * 32, 4);
  bench.memory("rms_norm_forward", settings, 2 * row_bytes,
               [&] { rms_norm_forward(x.data(), w.data(), 1e-6, y.data(), rstd.data(), T, D); });
  bench.memory("rms_norm_backward", settings, 3 * row_bytes, [&] {
    rms_norm_backward(y.data(), x.data(), w.data(), rstd.data(), dx.data(), dw.data(), T, D);
  });
  bench.memory("swiglu_forward", settings, 3 * row_bytes,
               [&] { swiglu_forward(x.data(), y.data(), T, D); });
  bench.memory("swiglu_backward", settings, 5 * row_bytes,
               [&] { swiglu_backward(y.data(), x.data(), dx.data(), T, D); });
  bench.memory("rotary_apply", settings, 2 * row_bytes, [&] {
    rotary_apply(x.data(), positions.data(), table.data(), table.data(), y.data(), T, 9, 64, 32,
                 1.0f);
  });
  bench.memory("residual_add_forward", settings, 3 * row_bytes,
               [&] { residual_add_forward(x.data(), x.data() + T * D, y.data(), T * D); });
  bench.memory("adamw", settings, 7 * row_bytes, [&] {
    adamw(dx.data(), x.data(), m.data(), v.data(), T * D, AdamwStep{.lr = 1e-4f});
  });
  bench.memory("sum_of_squares", settings, row_bytes, [&] { sum_of_squares(x.data(), T * D); });
}

}  // namespace retort::kernels
