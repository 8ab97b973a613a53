#include "kernels/parallel.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {

void residual_add_forward(const float* x, const float* r, float* y, int64_t count) {
  constexpr int64_t kPieceElements = 1 << 15;
  parallel_for(count, kPieceElements, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kLanes) {
      store_n(y + i, load_n(x + i, end - i) + load_n(r + i, end - i), end - i);
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
