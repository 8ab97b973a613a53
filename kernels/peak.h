#pragma once
// How much arithmetic this machine can do: the bound of benches and of perf/mfu, measured in the
// process that reports it.
#include <cstdint>

namespace retort::kernels {

// Vectors of 16 lanes in flight when one is `parts` registers.
constexpr int fma_chains(int parts) { return parts == 2 ? 6 : 16; }

namespace avx2 {
// steps * fma_chains(2) * 16 fused multiply-adds; the value only keeps them alive.
float fma_loop(int64_t steps);
// The sum of `count` floats, a multiple of 64: reads as fast as memory gives.
float read_loop(const float* from, int64_t count);
}  // namespace avx2
namespace avx512 {
// steps * fma_chains(1) * 16 of them.
float fma_loop(int64_t steps);
float read_loop(const float* from, int64_t count);
}  // namespace avx512

// Operations a second (a fused multiply-add counts two), best of several, with the threads and the
// instruction set in use. Takes some 300 ms.
double cpu_peak_flops();
// Bytes a second, best of several, that the threads read from memory that no cache holds, or move
// by a copy (read and written bytes counted), whichever is more.
double cpu_peak_bytes();
// Operations a second of CUDA device `index` in bf16: a product of [4096, 8192] and [8192, 4096].
// Defined in the half that links LibTorch; throws MissingError in a build without CUDA.
double cuda_peak_flops(int index);
// Bytes a second that a copy on the device reads and writes.
double cuda_peak_bytes(int index);

}  // namespace retort::kernels
