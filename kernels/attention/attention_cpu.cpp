// T tokens, N query heads, KV key/value heads, H head dim; G = N / KV query heads share a key/value
// head. A row is one query head of one token; rows of a block are ordered by token, then by head of
// the group.
#include "kernels/attention/attention.h"
#include "kernels/gemm/tile.h"
#include "kernels/parallel.h"

namespace retort::kernels::RETORT_ISA {
namespace {

static_assert(kPageTokens == kLanes, "a page of keys is one panel of the register tile");

// Tokens of one run that one piece of work attends: long enough to reuse keys from the cache.
constexpr int64_t kBlockTokens = 32;
// Fused multiply-adds worth a thread of their own.
constexpr int64_t kPieceWork = 1 << 16;

RETORT_INLINE int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
RETORT_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
RETORT_INLINE int64_t round_up(int64_t a) { return ceil_div(a, kLanes) * kLanes; }

// One run as seen by one key/value head.
struct Sequence {
  const int32_t* pages;
  const float* k_pages;  // of this head in page 0
  const float* v_pages;
  int64_t page_stride;  // floats from a page to the next

  RETORT_INLINE const float* k(int64_t page) const { return k_pages + pages[page] * page_stride; }
  RETORT_INLINE const float* v(int64_t page) const { return v_pages + pages[page] * page_stride; }
};

// R rows whose last keys are last[0] <= … <= last[R - 1]. q: [R] rows of H, q_stride apart.
struct Rows {
  const float* q;
  int64_t q_stride;
  const int64_t* last;
};

// scores[r][j] = scale * chain over h of q[r][h] * k_j[h] for whole pages of keys up to the block's
// last one.
template <int R, int P>
static void score_pages(const Sequence& sequence, const Rows& rows, int64_t H, float scale,
                        int64_t page, float* scores, int64_t stride) {
  const float* keys[P];
  for (int p = 0; p < P; ++p) keys[p] = sequence.k(page + p);
  Tile<R, P> tile;
  tile.clear();
  tile.template add<Left::kRows>(rows.q, rows.q_stride, keys, kLanes, H);
  const V16 factor = splat16(scale);
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) {
      store(scores + r * stride + (page + p) * kLanes, tile.acc[r][p] * factor);
    }
  }
}

// scores[0 .. count) -> exp(score - max), zeros up to the next multiple of 16.
static void softmax_row(float* scores, int64_t count, float* m, float* l) {
  const float nothing = -__builtin_inff();
  V16 greatest = splat16(nothing);
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) greatest = max(load(scores + j), greatest);
  if (j < count) {
    // Lanes beyond the row's own position hold scores of keys it may not see, or of none.
    const V16 tail = keep_n(load(scores + j), count - j, nothing);
    store(scores + j, tail);
    greatest = max(tail, greatest);
  }
  *m = max16(greatest);
  const V16 shift = splat16(*m);
  V16 sum = splat16(0.0f);
  for (j = 0; j < count; j += kLanes) {
    const V16 p = exp_f32(load(scores + j) - shift);
    sum = sum + p;
    store(scores + j, p);
  }
  *l = sum16(sum);
}

// o[r][h ..] = (chain over j of p[r][j] * v_j[h]) / l[r] for P panels of the head dimension from
// `h` on; o rows are o[r], of which H exist.
template <int R, int P>
static void weigh_values(const Sequence& sequence, const Rows& rows, int64_t H, int64_t h,
                         const float* p, int64_t stride, const float* l, float* const* o) {
  Tile<R, P> tile;
  tile.clear();
  // Keys that all rows see, then each row's own.
  const int64_t shared = rows.last[0] + 1;
  for (int64_t j = 0; j < shared; j += kPageTokens) {
    const float* values[P];
    for (int i = 0; i < P; ++i) values[i] = sequence.v(j / kPageTokens) + h + i * kLanes;
    tile.template add<Left::kRows>(p + j, stride, values, H, min(kPageTokens, shared - j));
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    for (int64_t j = shared; j <= rows.last[r]; ++j) {
      const float* value = sequence.v(j / kPageTokens) + j % kPageTokens * H + h;
      const vf weight = splat_part(p[r * stride + j]);
#pragma GCC unroll 8
      for (int i = 0; i < P; ++i)
        tile.acc[r][i] = fma(weight, load(value + i * kLanes), tile.acc[r][i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < P; ++i) store(o[r] + h + i * kLanes, tile.acc[r][i] / splat16(l[r]));
  }
}

// The last dims of a head whose size is no multiple of 16.
static void weigh_values_tail(const Sequence& sequence, int64_t last, int64_t H, int64_t h,
                              const float* p, float l, float* o) {
  V16 sum = splat16(0.0f);
  for (int64_t j = 0; j <= last; ++j) {
    const V16 value = load_n(sequence.v(j / kPageTokens) + j % kPageTokens * H + h, H - h);
    sum = fma(splat_part(p[j]), value, sum);
  }
  store_n(o + h, sum / splat16(l), H - h);
}

template <int R>
static void attend_rows(const Sequence& sequence, const Rows& rows, int64_t H, float scale,
                        float* const* o, float* const* m_out, float* const* l_out) {
  constexpr int kWide = tile_panels(R);
  const int64_t pages = rows.last[R - 1] / kPageTokens + 1;
  const int64_t stride = pages * kPageTokens;
  float* scores = scratch(Scratch::kScores, R * stride);
  int64_t page = 0;
  for (; page + kWide <= pages; page += kWide) {
    score_pages<R, kWide>(sequence, rows, H, scale, page, scores, stride);
  }
  for (; page < pages; ++page) score_pages<R, 1>(sequence, rows, H, scale, page, scores, stride);
  float m[R];
  float l[R];
  for (int r = 0; r < R; ++r) {
    softmax_row(scores + r * stride, rows.last[r] + 1, &m[r], &l[r]);
    if (m_out[r]) *m_out[r] = m[r];
    if (l_out[r]) *l_out[r] = l[r];
  }
  int64_t h = 0;
  for (; h + kWide * kLanes <= H; h += kWide * kLanes) {
    weigh_values<R, kWide>(sequence, rows, H, h, scores, stride, l, o);
  }
  for (; h + kLanes <= H; h += kLanes)
    weigh_values<R, 1>(sequence, rows, H, h, scores, stride, l, o);
  if (h == H) return;
  for (int r = 0; r < R; ++r)
    weigh_values_tail(sequence, rows.last[r], H, h, scores + r * stride, l[r], o[r]);
}

template <int R = kTileRows>
static int64_t attend_tile(int64_t left, const Sequence& sequence, const Rows& rows, int64_t H,
                           float scale, float* const* o, float* const* m, float* const* l) {
  if constexpr (R > 1) {
    if (left < R) return attend_tile<next_tile(R)>(left, sequence, rows, H, scale, o, m, l);
  }
  attend_rows<R>(sequence, rows, H, scale, o, m, l);
  return R;
}

// Everything attention_forward was called with.
struct Call {
  const float* q;
  const float* k;
  const float* v;
  AttentionRuns runs;
  AttentionDims dims;
  float* k_pages;
  float* v_pages;
  float* o;
  float* m;
  float* l;

  int64_t group() const { return dims.N / dims.KV; }
  int64_t page_stride() const { return dims.KV * dims.H * kPageTokens; }
  const int32_t* pages(int64_t run) const { return runs.page_table + run * runs.max_pages; }
};

// Keys and values of tokens [begin, end) of a run to its pages.
static void write_pages(const Call& call, int64_t run, int64_t kv, int64_t begin, int64_t end) {
  const auto [N, KV, H, scale] = call.dims;
  for (int64_t t = begin; t < end; ++t) {
    const int64_t position = call.runs.first_position[run] + (t - call.runs.run_begin[run]);
    const int64_t slot = position % kPageTokens;
    const int64_t page =
        call.pages(run)[position / kPageTokens] * call.page_stride() + kv * H * kPageTokens;
    const float* k = call.k + (t * KV + kv) * H;
    const float* v = call.v + (t * KV + kv) * H;
    for (int64_t h = 0; h < H; ++h) call.k_pages[page + h * kPageTokens + slot] = k[h];
    for (int64_t h = 0; h < H; ++h) call.v_pages[page + slot * H + h] = v[h];
  }
}

// Tokens [begin, end) of a run, at most kBlockTokens.
static void attend_block(const Call& call, int64_t run, int64_t kv, int64_t begin, int64_t end) {
  const auto [N, KV, H, scale] = call.dims;
  const int64_t G = call.group();
  const int64_t offset = kv * H * kPageTokens;
  const Sequence sequence = {call.pages(run), call.k_pages + offset, call.v_pages + offset,
                             call.page_stride()};
  const int64_t first = call.runs.first_position[run] - call.runs.run_begin[run];
  const int64_t count = (end - begin) * G;
  for (int64_t row = 0; row < count;) {
    int64_t last[kTileRows];
    float* o[kTileRows];
    float* m[kTileRows];
    float* l[kTileRows];
    float q[kTileRows * kMaxHeadDim];
    const int64_t left = min(kTileRows, count - row);
    for (int64_t r = 0; r < left; ++r) {
      const int64_t t = begin + (row + r) / G;
      const int64_t head = t * N + kv * G + (row + r) % G;
      last[r] = first + t;
      o[r] = call.o + head * H;
      m[r] = call.m ? call.m + head : nullptr;
      l[r] = call.l ? call.l + head : nullptr;
      for (int64_t h = 0; h < H; ++h) q[r * H + h] = call.q[head * H + h];
    }
    row += attend_tile(left, sequence, {q, H, last}, H, scale, o, m, l);
  }
}

}  // namespace

void attention_forward(const float* q_TNH, const float* k_TKH, const float* v_TKH,
                       const AttentionRuns& runs, const AttentionDims& dims, float* k_pages,
                       float* v_pages, float* o_TNH, float* m_TN, float* l_TN) {
  const Call call = {
      q_TNH,   k_TKH,   v_TKH, runs, {dims.N, dims.KV, dims.H, attention_scale(dims)},
      k_pages, v_pages, o_TNH, m_TN, l_TN};
  if (runs.runs == 0) return;
  // A run that is one block is written and attended by one piece of work; longer ones need all
  // their keys first.
  int64_t longest = 0;
  int64_t work = 0;
  for (int64_t s = 0; s < runs.runs; ++s) {
    const int64_t tokens = runs.run_begin[s + 1] - runs.run_begin[s];
    longest = tokens > longest ? tokens : longest;
    work += tokens * (runs.first_position[s] + tokens);
  }
  const int64_t pieces = runs.runs * dims.KV;
  const int64_t grain = kPieceWork / (work * call.group() * 2 * dims.H / runs.runs + 1) + 1;
  if (longest <= kBlockTokens) {
    parallel_for(pieces, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t s = i / dims.KV;
        const int64_t kv = i % dims.KV;
        write_pages(call, s, kv, runs.run_begin[s], runs.run_begin[s + 1]);
        attend_block(call, s, kv, runs.run_begin[s], runs.run_begin[s + 1]);
      }
    });
    return;
  }
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      write_pages(call, i / dims.KV, i % dims.KV, runs.run_begin[i / dims.KV],
                  runs.run_begin[i / dims.KV + 1]);
    }
  });
  // Every run has the same number of block places; those beyond its end are empty. Late blocks are
  // the longest: first come those, so that no thread is left with one at the end.
  const int64_t blocks = ceil_div(longest, kBlockTokens);
  parallel_for(pieces * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = blocks - 1 - i / pieces;
      const int64_t s = i % pieces / dims.KV;
      const int64_t first = runs.run_begin[s] + block * kBlockTokens;
      const int64_t stop = min(first + kBlockTokens, runs.run_begin[s + 1]);
      if (first < stop) attend_block(call, s, i % dims.KV, first, stop);
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
