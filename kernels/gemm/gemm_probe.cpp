#include "kernels/gemm/gemm.h"
#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/testing.h"

namespace retort::kernels {
namespace {

// More steps than one block of them, no multiple of 16 anywhere.
constexpr int64_t T = 37, K = 300, N = 45;

std::string probe_weight(int64_t rows, int64_t columns) {
  constexpr int64_t kTokens = 270;
  const std::vector<float> dy = random_floats(kTokens * rows, 1),
                           x = random_floats(kTokens * columns, 2),
                           start = random_floats(rows * columns + rows, 3);
  std::vector<float> want = start;
  reference::gemm_backward_weight(dy.data(), x.data(), want.data(), want.data() + rows * columns,
                                  kTokens, columns, rows);
  return probe_accumulation({kTokens, start,
                             [&](int64_t first, int64_t count, float* sum) {
                               gemm_backward_weight(dy.data() + first * rows,
                                                    x.data() + first * columns, sum,
                                                    sum + rows * columns, count, columns, rows);
                             },
                             want});
}

}  // namespace

std::string probe_gemm_pack() {
  const std::vector<float> w = random_floats(N * K, 1);
  std::vector<float> want(packed_floats(N, K));
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < K; ++k) want[(n / kPanel * K + k) * kPanel + n % kPanel] = w[n * K + k];
  }
  std::vector<float> packed(want.size());
  gemm_pack(w.data(), N, K, packed.data());
  return describe("panels", packed, want, kPanel);
}

std::string probe_gemm_forward() {
  const std::vector<float> x = random_floats(T * K, 1), w = random_floats(N * K, 2),
                           bias = random_floats(N, 3);
  std::vector<float> packed(packed_floats(N, K)), want(T * N);
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < K; ++k)
      packed[(n / kPanel * K + k) * kPanel + n % kPanel] = w[n * K + k];
  }
  reference::gemm_forward(x.data(), w.data(), bias.data(), want.data(), T, K, N);
  return probe_rows({T, N,
                     [&](int64_t first, int64_t count, float* out) {
                       gemm_forward(x.data() + first * K, packed.data(), bias.data(), out, count, K,
                                    N);
                     },
                     want});
}

std::string probe_gemm_backward_input() {
  const std::vector<float> dy = random_floats(T * K, 1), w = random_floats(N * K, 2);
  std::vector<float> want(T * N);
  reference::gemm_backward_input(dy.data(), w.data(), want.data(), T, N, K);
  return probe_rows({T, N,
                     [&](int64_t first, int64_t count, float* out) {
                       gemm_backward_input(dy.data() + first * K, w.data(), out, count, N, K);
                     },
                     want});
}

std::string probe_gemm_backward_weight() {
  // Wide, and more rows than are packed at a time.
  std::string wrong = probe_weight(N, K);
  return wrong.empty() ? probe_weight(400, 70) : wrong;
}

}  // namespace retort::kernels
