// Backward of attention for whole sequences: L tokens of one sequence, G query heads of one
// key/value head, H head dim, rows padded to Hp, a multiple of 16. With p = exp(s - m) / l, dp = do
// . v, delta = do . o:
//   ds = p * (dp - delta) * scale;  dq_i = sum_j ds k_j,  dk_j = sum_rows ds q,  dv_j = sum_rows p
//   do.
#include "kernels/attention/attention.h"
#include "kernels/gemm/block.h"
#include "kernels/parallel.h"

namespace retort::kernels::RETORT_ISA {
namespace {

// Queries whose scores exist at a time; blocks start at multiples of it in the sequence.
constexpr int64_t kBlockTokens = 16;

RETORT_INLINE int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
RETORT_INLINE int64_t round_up(int64_t a) { return (a + kLanes - 1) / kLanes * kLanes; }

// to[L][Hp] = from rows of H floats, from_stride apart, zeros beyond.
static void copy_rows(const float* from, int64_t from_stride, int64_t L, int64_t H, float* to,
                      int64_t Hp) {
  for (int64_t j = 0; j < L; ++j) {
    for (int64_t h = 0; h < Hp; h += kLanes)
      store(to + j * Hp + h, load_n(from + j * from_stride + h, H - h));
  }
}

// Panels of 16 keys, [panel][H][16], from rows of H floats; keys beyond L are zeros.
static void pack_keys(const float* from, int64_t from_stride, int64_t L, int64_t H, float* panels) {
  for (int64_t j = 0; j < round_up(L); ++j) {
    float* lane = panels + j / kLanes * kLanes * H + j % kLanes;
    for (int64_t h = 0; h < H; ++h) lane[h * kLanes] = j < L ? from[j * from_stride + h] : 0.0f;
  }
}

static void copy_rows_out(const float* from, int64_t Hp, int64_t L, int64_t H, float* to,
                          int64_t to_stride) {
  for (int64_t j = 0; j < L; ++j) {
    for (int64_t h = 0; h < H; h += kLanes)
      store_n(to + j * to_stride + h, load(from + j * Hp + h), H - h);
  }
}

struct Call {
  const float* d_o;
  const float* o;
  const float* q;
  const float* k;
  const float* v;
  const float* m;
  const float* l;
  AttentionDims dims;
  float* dq;
  float* dk;
  float* dv;
};

// s, dp: [rows][keys] -> p, ds in place; row r sees keys 0 .. last.
static void score_gradients(float* s, float* dp, int64_t keys, int64_t last, float scale, float m,
                            float l, float delta) {
  const V16 factor = splat16(scale);
  const V16 max = splat16(m);
  const V16 sum = splat16(l);
  const V16 shift = splat16(delta);
  const V16 zero = splat16(0.0f);
  for (int64_t j = 0; j < keys; j += kLanes) {
    if (j > last) {
      store(s + j, zero);
      store(dp + j, zero);
      continue;
    }
    const V16 p = keep_n(exp_f32(load(s + j) * factor - max) / sum, last + 1 - j, 0.0f);
    store(s + j, p);
    store(dp + j, (p * (load(dp + j) - shift)) * factor);
  }
}

static void sequence_backward(const Call& call, int64_t first, int64_t L, int64_t kv) {
  const auto [N, KV, H, scale] = call.dims;
  const int64_t G = N / KV;
  const int64_t Hp = round_up(H);
  const int64_t Lp = round_up(L);
  const int64_t most_rows = kBlockTokens * G;
  float* memory =
      scratch(Scratch::kSequence, Lp * (2 * H + 3 * Hp) + most_rows * (3 * Hp + 2 * Lp));
  const auto take = [&memory](int64_t floats) {
    float* taken = memory;
    memory += floats;
    return taken;
  };
  float* key_panels = take(Lp * H);
  float* value_panels = take(Lp * H);
  float* keys = take(Lp * Hp);
  float* dk = take(Lp * Hp);
  float* dv = take(Lp * Hp);
  float* q = take(most_rows * Hp);
  float* d_o = take(most_rows * Hp);
  float* dq = take(most_rows * Hp);
  float* s = take(most_rows * Lp);
  float* dp = take(most_rows * Lp);

  const float* k_rows = call.k + (first * KV + kv) * H;
  const float* v_rows = call.v + (first * KV + kv) * H;
  pack_keys(k_rows, KV * H, L, H, key_panels);
  pack_keys(v_rows, KV * H, L, H, value_panels);
  copy_rows(k_rows, KV * H, L, H, keys, Hp);
  // A masked score is 0, and 0 times whatever the memory held need not be.
  for (int64_t i = L * Hp; i < Lp * Hp; i += kLanes) store(keys + i, splat16(0.0f));
  for (int64_t i = 0; i < Lp * Hp; i += kLanes) {
    store(dk + i, splat16(0.0f));
    store(dv + i, splat16(0.0f));
  }
  for (int64_t begin = 0; begin < L; begin += kBlockTokens) {
    const int64_t tokens = min(kBlockTokens, L - begin);
    const int64_t rows = tokens * G;
    const int64_t seen = round_up(begin + tokens);
    for (int64_t i = 0; i < tokens; ++i) {
      const int64_t head = (first + begin + i) * N + kv * G;
      copy_rows(call.q + head * H, H, G, H, q + i * G * Hp, Hp);
      copy_rows(call.d_o + head * H, H, G, H, d_o + i * G * Hp, Hp);
    }
    const Block product = {.a = q,
                           .a_stride = Hp,
                           .b = {key_panels, H * kLanes, kLanes},
                           .rows = rows,
                           .steps = H,
                           .columns = seen,
                           .c = s,
                           .c_stride = Lp,
                           .accumulate = false,
                           .bias = nullptr};
    run_block<Left::kRows>(product);
    Block gradient = product;
    gradient.a = d_o;
    gradient.b.data = value_panels;
    gradient.c = dp;
    run_block<Left::kRows>(gradient);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t head = (first + begin + r / G) * N + kv * G + r % G;
      V16 products = splat16(0.0f);
      for (int64_t h = 0; h < H; h += kLanes) {
        products = fma(load(d_o + r * Hp + h), load_n(call.o + head * H + h, H - h), products);
      }
      score_gradients(s + r * Lp, dp + r * Lp, seen, begin + r / G, scale, call.m[head],
                      call.l[head], sum16(products));
    }
    run_block<Left::kRows>({.a = dp,
                            .a_stride = Lp,
                            .b = {keys, kLanes, Hp},
                            .rows = rows,
                            .steps = seen,
                            .columns = Hp,
                            .c = dq,
                            .c_stride = Hp,
                            .accumulate = false,
                            .bias = nullptr});
    for (int64_t i = 0; i < tokens; ++i) {
      copy_rows_out(dq + i * G * Hp, Hp, G, H, call.dq + ((first + begin + i) * N + kv * G) * H, H);
    }
    // Keys as rows, (query, head) as steps: continues each key's chain.
    Block continued = {.a = s,
                       .a_stride = Lp,
                       .b = {d_o, kLanes, Hp},
                       .rows = min(seen, L),
                       .steps = rows,
                       .columns = Hp,
                       .c = dv,
                       .c_stride = Hp,
                       .accumulate = true,
                       .bias = nullptr};
    run_block<Left::kSteps>(continued);
    continued.a = dp;
    continued.b.data = q;
    continued.c = dk;
    run_block<Left::kSteps>(continued);
  }
  copy_rows_out(dk, Hp, L, H, call.dk + (first * KV + kv) * H, KV * H);
  copy_rows_out(dv, Hp, L, H, call.dv + (first * KV + kv) * H, KV * H);
}

}  // namespace

void attention_backward(const float* do_TNH, const float* o_TNH, const float* q_TNH,
                        const float* k_TKH, const float* v_TKH, const float* m_TN,
                        const float* l_TN, const AttentionRuns& runs, const AttentionDims& dims,
                        float* dq_TNH, float* dk_TKH, float* dv_TKH) {
  const Call call = {do_TNH, o_TNH,  q_TNH, k_TKH,
                     v_TKH,  m_TN,   l_TN,  {dims.N, dims.KV, dims.H, attention_scale(dims)},
                     dq_TNH, dk_TKH, dv_TKH};
  parallel_for(runs.runs * dims.KV, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t s = i / dims.KV;
      const int64_t first = runs.run_begin[s];
      sequence_backward(call, first, runs.run_begin[s + 1] - first, i % dims.KV);
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
