#include "kernels/embedding/embedding.h"
#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/testing.h"

#include <algorithm>

namespace retort::kernels {
namespace {

// Fewer ids than tokens: most rows of the gradient are sums.
constexpr int64_t T = 65, V = 11, D = 90;

}  // namespace

std::string probe_embedding_forward() {
  const std::vector<float> w = random_floats(V * D, 1);
  const std::vector<int32_t> ids = random_ids(T, V, 2);
  std::vector<float> want(T * D);
  for (int64_t t = 0; t < T; ++t) std::copy_n(w.data() + ids[t] * D, D, want.data() + t * D);
  return probe_rows({T, D,
                     [&](int64_t first, int64_t count, float* out) {
                       embedding_forward(ids.data() + first, w.data(), out, count, D);
                     },
                     want});
}

std::string probe_embedding_backward() {
  const std::vector<float> dy = random_floats(T * D, 1), start = random_floats(V * D, 3);
  const std::vector<int32_t> ids = random_ids(T, V, 2);
  std::vector<float> want = start;
  reference::embedding_backward(ids.data(), dy.data(), want.data(), T, D);
  return probe_accumulation({T, start,
                             [&](int64_t first, int64_t count, float* sum) {
                               embedding_backward(ids.data() + first, dy.data() + first * D, sum,
                                                  count, D);
                             },
                             want});
}

}  // namespace retort::kernels
