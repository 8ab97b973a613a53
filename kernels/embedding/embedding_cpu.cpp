// T tokens, D model dim.
#include "kernels/embedding/embedding.h"
#include "kernels/parallel.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {
namespace {

constexpr int64_t kPieceElements = 1 << 14;

}  // namespace

void embedding_forward(const int32_t* ids_T, const float* w_VD, float* y_TD, int64_t T, int64_t D) {
  parallel_for(T, kPieceElements / D + 1, [=](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* row = w_VD + ids_T[t] * D;
      for (int64_t d = 0; d < D; d += kLanes)
        store_n(y_TD + t * D + d, load_n(row + d, D - d), D - d);
    }
  });
}

// Threads take slices of D, so that each element of dW meets its tokens in order.
void embedding_backward(const int32_t* ids_T, const float* dy_TD, float* dw_VD, int64_t T,
                        int64_t D) {
  const int64_t panels = (D + kLanes - 1) / kLanes;
  parallel_for(panels, kPieceElements / (T * kLanes + 1) + 1, [=](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < T; ++t) {
      float* row = dw_VD + ids_T[t] * D;
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t d = panel * kLanes;
        store_n(row + d, load_n(row + d, D - d) + load_n(dy_TD + t * D + d, D - d), D - d);
      }
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
