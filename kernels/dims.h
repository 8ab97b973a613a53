#pragma once
// Shapes and memory of tensors as the operations ask for them.
//   const auto [T, N, H] = dims<3>(q_TNH, "q");
#include "base/check.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace retort::kernels {

template <size_t Rank>
std::array<int64_t, Rank> dims(const at::Tensor& tensor, const char* name) {
  RT_CHECK(tensor.defined()) << name;
  RT_CHECK_EQ(tensor.dim(), static_cast<int64_t>(Rank)) << "rank of " << name;
  std::array<int64_t, Rank> sizes;
  for (size_t i = 0; i < Rank; ++i) sizes[i] = tensor.size(static_cast<int64_t>(i));
  return sizes;
}

// Elements of a contiguous CPU tensor of T.
template <class T = float>
T* elements(const at::Tensor& tensor, const char* name) {
  RT_CHECK(tensor.is_cpu() && tensor.is_contiguous())
      << name << ": a contiguous CPU tensor is expected";
  RT_CHECK(tensor.scalar_type() == c10::CppTypeToScalarType<T>::value)
      << name << ": its type is " << c10::toString(tensor.scalar_type());
  return tensor.data_ptr<T>();
}

// Uninitialised, fp32, on the CPU like x: what every CPU kernel writes to.
inline at::Tensor empty_floats(const at::Tensor& x, at::IntArrayRef sizes) {
  return x.new_empty(sizes, x.options().dtype(at::kFloat).requires_grad(false));
}

}  // namespace retort::kernels
