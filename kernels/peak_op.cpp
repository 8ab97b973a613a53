#include "base/error.h"
#include "kernels/peak.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <chrono>

namespace retort::kernels {

#ifndef RETORT_CUDA
namespace {

[[noreturn]] void no_cuda() {
  throw MissingError("cuda", "this build has no CUDA half",
                     "build where a driver answers, or with -DRETORT_CUDA=ON");
}

}  // namespace
#endif

double cuda_peak_flops([[maybe_unused]] int index) {
#ifdef RETORT_CUDA
  constexpr int64_t kSide = 4096, kInner = 8192;  // 160 MiB in all
  constexpr int kProducts = 20;
  const at::TensorOptions options =
      at::TensorOptions(at::kBFloat16).device(at::Device(at::kCUDA, static_cast<int8_t>(index)));
  const at::Tensor left = at::ones({kSide, kInner}, options);
  const at::Tensor right = at::ones({kInner, kSide}, options);
  at::Tensor product = at::empty({kSide, kSide}, options);
  double best = 1e30;
  // The first call chooses and loads the kernel; it is one of those the best is taken of.
  for (int call = 0; call < 6; ++call) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kProducts; ++i) at::matmul_out(product, left, right);
    product[0][0].item();  // waits for the device
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2.0 * kSide * kSide * kInner * kProducts / best;
#else
  no_cuda();
#endif
}

double cuda_peak_bytes([[maybe_unused]] int index) {
#ifdef RETORT_CUDA
  constexpr int64_t kBytes = int64_t{1} << 30;
  constexpr int kCopies = 5;
  const at::TensorOptions options =
      at::TensorOptions(at::kByte).device(at::Device(at::kCUDA, static_cast<int8_t>(index)));
  const at::Tensor from = at::ones({kBytes}, options);
  at::Tensor to = at::empty({kBytes}, options);
  double best = 1e30;
  for (int call = 0; call < 3; ++call) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kCopies; ++i) to.copy_(from);
    to[0].item();  // waits for the device
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2.0 * static_cast<double>(kBytes) * kCopies / best;
#else
  no_cuda();
#endif
}

}  // namespace retort::kernels
