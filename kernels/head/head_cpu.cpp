// T rows, D model dim, V vocabulary. Logits exist for a chunk of rows at a time; the chunk's size
// changes no bit.
#include "kernels/gemm/gemm.h"
#include "kernels/head/head.h"
#include "kernels/parallel.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {

decltype(kernels::gemm_forward) gemm_forward;
decltype(kernels::gemm_backward_input) gemm_backward_input;
decltype(kernels::gemm_backward_weight) gemm_backward_weight;

namespace {

// Logits held at a time: 16 MiB, or 16 rows when the vocabulary is large. Each chunk reads the
// whole matrix.
constexpr int64_t kChunkFloats = 1 << 22;
constexpr int64_t kLeastRows = 16;
// Logits worth a thread of their own.
constexpr int64_t kPieceElements = 1 << 12;

RETORT_INLINE int64_t chunk_rows(int64_t V) {
  return kChunkFloats / V > kLeastRows ? kChunkFloats / V : kLeastRows;
}

// 16 scaled logits of the kept list from position j on; lanes beyond `count` are -inf.
RETORT_INLINE V16 kept_scaled(const float* scaled, const int32_t* kept, int64_t j, int64_t count) {
  if (!kept) return load_n(scaled + j, count - j, -__builtin_inff());
  float lanes[kLanes];
  for (int64_t i = 0; i < kLanes; ++i)
    lanes[i] = j + i < count ? scaled[kept[j + i]] : -__builtin_inff();
  return load(lanes);
}

struct RowKept {
  const int32_t* ids;  // null: the whole vocabulary
  int64_t count;
};
RETORT_INLINE RowKept row_kept(const KeptSets& kept, int64_t t, int64_t V) {
  if (!kept.ids) return {nullptr, V};
  return {kept.ids + kept.begin[t], kept.begin[t + 1] - kept.begin[t]};
}

// row_logprob of head.h: one expression for both sides.
RETORT_INLINE float logprob(const RowSoftmax& row, float scaled) {
  return (scaled - row.max) - row.log_sum;
}

// scaled (in place) -> d loss / d logits.
static void logit_gradient(float* scaled, int64_t V, RowKept kept, const RowSoftmax& row,
                           int32_t target, float temperature, float a, float b) {
  const V16 max = splat16(row.max);
  const V16 log_sum = splat16(row.log_sum);
  const V16 entropy = splat16(row.entropy);
  const V16 divisor = splat16(temperature);
  const V16 minus_a = splat16(-a);
  const V16 minus_b = splat16(-b);
  // p = exp(log p): the same for every id, no division by the sum.
  const auto gradient = [&](V16 s) {
    const V16 logp = (s - max) - log_sum;
    const V16 p = exp_f32(logp);
    return fma(minus_a, p, (minus_b * p) * (logp + entropy));
  };
  const float target_part = a;
  if (!kept.ids) {
    const float at_target = scaled[target];
    for (int64_t v = 0; v < V; v += kLanes) {
      store_n(scaled + v, gradient(load_n(scaled + v, V - v)) / divisor, V - v);
    }
    float one[kLanes];
    store(one, (gradient(splat16(at_target)) + splat16(target_part)) / divisor);
    scaled[target] = one[0];
    return;
  }
  // Gather the kept gradients, clear the row, put them back.
  float* values = scratch(Scratch::kSequence, kept.count + kLanes);
  for (int64_t j = 0; j < kept.count; j += kLanes) {
    V16 g = gradient(kept_scaled(scaled, kept.ids, j, kept.count));
    float lanes[kLanes];
    store(lanes, g);
    for (int64_t i = 0; i < kLanes && j + i < kept.count; ++i) {
      if (kept.ids[j + i] == target) lanes[i] = lanes[i] + target_part;
    }
    store(values + j, load(lanes) / divisor);
  }
  for (int64_t v = 0; v < V; ++v) scaled[v] = 0.0f;
  for (int64_t j = 0; j < kept.count; ++j) scaled[kept.ids[j]] = values[j];
}

}  // namespace

RowSoftmax head_row(const float* logits_V, int64_t V, const int32_t* kept, int64_t kept_count,
                    float temperature, float* scaled_V) {
  const V16 divisor = splat16(temperature);
  for (int64_t v = 0; v < V; v += kLanes)
    store_n(scaled_V + v, load_n(logits_V + v, V - v) / divisor, V - v);
  const int64_t count = kept ? kept_count : V;
  V16 greatest = splat16(-__builtin_inff());
  for (int64_t j = 0; j < count; j += kLanes)
    greatest = max(kept_scaled(scaled_V, kept, j, count), greatest);
  RowSoftmax row;
  row.max = max16(greatest);
  const V16 m = splat16(row.max);
  V16 sum = splat16(0.0f);
  V16 weighted = splat16(0.0f);
  for (int64_t j = 0; j < count; j += kLanes) {
    const V16 shifted = kept_scaled(scaled_V, kept, j, count) - m;
    const V16 e = exp_f32(shifted);
    sum = sum + e;
    // A lane beyond the list has e = 0 and shifted = -inf; its product would be nan.
    weighted = fma(e, keep_n(shifted, count - j, 0.0f), weighted);
  }
  const float l = sum16(sum);
  row.log_sum = log_f32(l);
  row.entropy = row.log_sum - sum16(weighted) / l;
  return row;
}

void head_probabilities(const float* scaled_V, int64_t V, const int32_t* kept, int64_t kept_count,
                        const RowSoftmax& row, float* p) {
  const int64_t count = kept ? kept_count : V;
  const V16 max = splat16(row.max);
  const V16 log_sum = splat16(row.log_sum);
  for (int64_t j = 0; j < count; j += kLanes) {
    const V16 logp = (kept_scaled(scaled_V, kept, j, count) - max) - log_sum;
    store_n(p + j, exp_f32(logp), count - j);
  }
}

void head_forward(const float* h_TD, const float* packed_VD, const int32_t* targets_T,
                  const KeptSets& kept, float temperature, float* logp_T, float* entropy_T,
                  int64_t T, int64_t D, int64_t V) {
  const int64_t chunk = chunk_rows(V);
  for (int64_t first = 0; first < T; first += chunk) {
    const int64_t rows = T - first < chunk ? T - first : chunk;
    float* logits = scratch(Scratch::kLogits, rows * V);
    gemm_forward(h_TD + first * D, packed_VD, nullptr, logits, rows, D, V);
    parallel_for(rows, kPieceElements / V + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t t = first + r;
        float* z = logits + r * V;
        const RowKept row = row_kept(kept, t, V);
        const RowSoftmax softmax = RETORT_ISA::head_row(z, V, row.ids, row.count, temperature, z);
        logp_T[t] = logprob(softmax, z[targets_T[t]]);
        entropy_T[t] = softmax.entropy;
      }
    });
  }
}

void head_backward(const float* dlogp_T, const float* dentropy_T, const float* h_TD,
                   const float* packed_VD, const float* w_VD, const int32_t* targets_T,
                   const KeptSets& kept, float temperature, float* dh_TD, float* dw_VD, int64_t T,
                   int64_t D, int64_t V) {
  const int64_t chunk = chunk_rows(V);
  for (int64_t first = 0; first < T; first += chunk) {
    const int64_t rows = T - first < chunk ? T - first : chunk;
    float* logits = scratch(Scratch::kLogits, rows * V);
    gemm_forward(h_TD + first * D, packed_VD, nullptr, logits, rows, D, V);
    parallel_for(rows, kPieceElements / V + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t t = first + r;
        float* z = logits + r * V;
        const RowKept row = row_kept(kept, t, V);
        const RowSoftmax softmax = RETORT_ISA::head_row(z, V, row.ids, row.count, temperature, z);
        logit_gradient(z, V, row, softmax, targets_T[t], temperature, dlogp_T[t],
                       dentropy_T ? dentropy_T[t] : 0.0f);
      }
    });
    gemm_backward_input(logits, w_VD, dh_TD + first * D, rows, D, V);
    if (dw_VD) gemm_backward_weight(logits, h_TD + first * D, dw_VD, nullptr, rows, D, V);
  }
}

}  // namespace retort::kernels::RETORT_ISA
