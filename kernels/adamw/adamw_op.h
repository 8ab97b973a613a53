#pragma once
// adamw over tensors; contract in adamw.h. fp32, contiguous, all on one device.
#include "kernels/adamw/adamw.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

// In place: w, m, v. On a CPU the kernel, elsewhere the plain definition.
void adamw_update(at::Tensor& w, const at::Tensor& grad, at::Tensor& m, at::Tensor& v,
                  const AdamwStep& step);
void adamw_plain(at::Tensor& w, const at::Tensor& grad, at::Tensor& m, at::Tensor& v,
                 const AdamwStep& step);

}  // namespace retort::kernels
