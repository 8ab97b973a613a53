#pragma once
// The loop behind the bound of kernels/bench.h, compiled per instruction set.
#include <cstdint>

namespace retort::kernels {

// Vectors of 16 lanes in flight when one is `parts` registers.
constexpr int fma_chains(int parts) { return parts == 2 ? 6 : 16; }

namespace avx2 {
// steps * fma_chains(2) * 16 fused multiply-adds; the value only keeps them alive.
float fma_loop(int64_t steps);
}  // namespace avx2
namespace avx512 {
// steps * fma_chains(1) * 16 of them.
float fma_loop(int64_t steps);
}  // namespace avx512

}  // namespace retort::kernels
