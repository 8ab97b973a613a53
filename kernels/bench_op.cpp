#include "kernels/attention/attention_op.h"
#include "kernels/bench_gpu.h"
#include "kernels/gemm/gemm.h"
#include "kernels/parameter.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>

namespace retort::kernels {
namespace {

at::TensorOptions bf16() {
  return at::TensorOptions(at::kBFloat16).device(at::Device(at::kCUDA, 0));
}

// Seconds of one of many calls in a row: the device is waited for once, at their end.
double gpu_seconds(const std::function<at::Tensor()>& call) {
  constexpr int kCalls = 20;
  const double all = Bench::best_seconds([&] {
    at::Tensor last;
    for (int i = 0; i < kCalls; ++i) last = call();
    last.flatten()[0].item();
  });
  return all / kCalls;
}

void attention_shape(Bench& bench, const AttentionDims& dims, int64_t sequences, int64_t queries,
                     int64_t context) {
  const int64_t T = sequences * queries, pages = (context + kPageTokens - 1) / kPageTokens;
  const at::Tensor q = at::randn({T, dims.N, dims.H}, bf16()),
                   k = at::randn({T, dims.KV, dims.H}, bf16()), v = k.clone();
  RunTensors runs;
  const at::TensorOptions host = at::TensorOptions(at::kInt);
  runs.run_begin = at::empty({sequences + 1}, host);
  runs.first_position = at::empty({sequences}, host);
  runs.page_table = at::empty({sequences, pages}, host);
  for (int64_t s = 0; s <= sequences; ++s)
    runs.run_begin.data_ptr<int32_t>()[s] = static_cast<int32_t>(s * queries);
  for (int64_t s = 0; s < sequences; ++s)
    runs.first_position.data_ptr<int32_t>()[s] = static_cast<int32_t>(context - queries);
  for (int64_t i = 0; i < sequences * pages; ++i)
    runs.page_table.data_ptr<int32_t>()[i] = static_cast<int32_t>(i);
  runs.whole_sequences = queries == context;
  finish_run_tensors(runs, q);
  LayerPages layer = make_layer_pages(dims, sequences * pages, q);
  // K and V of every context come from memory once, queries and outputs once.
  const double bytes = 2.0 * static_cast<double>(2 * sequences * context * dims.KV * dims.H +
                                                 2 * T * dims.N * dims.H);
  const double flops =
      4.0 * causal_pairs(sequences, queries, context) * static_cast<double>(dims.N * dims.H);
  bench.add("attention_forward", attention_settings(dims, sequences, queries, context),
            {flops, bytes}, flops / 1e9, "GFLOP/s",
            gpu_seconds([&] { return attention(q, k, v, runs, dims, layer); }));
}

}  // namespace

void gemm_on_gpu(Bench& bench) {
  const at::NoGradGuard no_grad;
  for (const int64_t T : {1, 256, 8192}) {
    for (const auto& [K, N] : bench_matrices()) {
      const at::Tensor x = at::randn({T, K}, bf16());
      Parameter weight;
      weight.name = "bench";
      weight.value = at::randn({N, K}, bf16());
      const double flops = 2.0 * static_cast<double>(T * K * N);
      const double bytes = 2.0 * static_cast<double>(T * K + K * N + T * N);
      bench.add("gemm_forward", {{"T", T}, {"K", K}, {"N", N}}, {flops, bytes}, flops / 1e9,
                "GFLOP/s", gpu_seconds([&] { return linear(x, weight, nullptr); }));
    }
  }
}

void attention_on_gpu(Bench& bench) {
  const at::NoGradGuard no_grad;
  attention_shape(bench, kSmolLM2Heads, 1024, 1, 400);
  attention_shape(bench, kSmolLM2Heads, 32, 400, 400);
  attention_shape(bench, kSmolLM2Heads, 1, 1, 8192);
}

}  // namespace retort::kernels
