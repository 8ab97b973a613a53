// The rates that an instruction set reaches: of fused multiply-adds from registers alone, and of
// reading.
#include "kernels/peak.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {

float fma_loop(int64_t steps) {
  // Enough chains to hide the latency: 12 registers of AVX2, 16 of AVX-512.
  constexpr int kChains = kParts == 2 ? 6 : 16;
  static_assert(kChains == fma_chains(kParts));
  // Lanes that differ: equal registers would be computed once.
  float lanes[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = static_cast<float>(lane);
  V16 sum[kChains];
#pragma GCC unroll 16
  for (int c = 0; c < kChains; ++c) sum[c] = load(lanes) * splat16(static_cast<float>(c + 1));
  const V16 factor = splat16(0.999f);
  const V16 addend = splat16(0.001f);
  for (int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) sum[c] = fma(sum[c], factor, addend);
  }
  V16 total = sum[0];
  for (int c = 1; c < kChains; ++c) total = total + sum[c];
  return sum16(total);
}

float read_loop(const float* from, int64_t count) {
  // Four streams: one alone does not keep enough requests in flight.
  V16 sum[4] = {};
  const int64_t quarter = count / 4;
  for (int64_t i = 0; i < quarter; i += kLanes) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) sum[c] = sum[c] + load(from + c * quarter + i);
  }
  return sum16((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace retort::kernels::RETORT_ISA
