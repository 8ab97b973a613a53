#include "kernels/reference.h"

namespace retort::kernels::reference {

template <class Real>
void embedding_backward(const int32_t* ids_T, const Real* dy_TD, Real* dw_VD, int64_t T,
                        int64_t D) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t d = 0; d < D; ++d) dw_VD[ids_T[t] * D + d] += dy_TD[t * D + d];
  }
}

template void embedding_backward(const int32_t*, const float*, float*, int64_t, int64_t);
template void embedding_backward(const int32_t*, const double*, double*, int64_t, int64_t);

}  // namespace retort::kernels::reference
