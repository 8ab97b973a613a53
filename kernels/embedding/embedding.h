#pragma once
// embedding: y[t] = W[ids[t]]. Backward: dW[v, d] is one chain of additions over tokens t ascending
// with ids[t] == v, continuing the accumulator.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

void embedding_forward(const int32_t* ids_T, const float* w_VD, float* y_TD, int64_t T, int64_t D);
void embedding_backward(const int32_t* ids_T, const float* dy_TD, float* dw_VD, int64_t T,
                        int64_t D);

// ids int32 [T], every id in [0, V) (checked) -> [T, D]. The result requires a gradient when grad
// mode is on and the weight is trained: it is the root of the graph.
at::Tensor embedding(const at::Tensor& ids_T, const Parameter& weight_VD);

}  // namespace retort::kernels
