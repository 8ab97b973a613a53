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

// R rows whose last keys are last[0] <= … <= last[R - 1]; what the kernel writes for them (m, l may
// be null).
struct Rows {
  const float* q[kTileRows];
  int64_t last[kTileRows];
  float* o[kTileRows];
  float* m[kTileRows];
  float* l[kTileRows];
};

// scores[r][j] = scale * chain over h of q[r][h] * k_j[h] for P pages of keys, -inf for keys that
// the row does not see: its lanes there hold scores of later keys, or of none. greatest[r] goes on.
template <int R, int P>
static void score_pages(const Sequence& sequence, const Rows& rows, int64_t H, float scale,
                        int64_t page, float* scores, int64_t stride, V16* greatest) {
  const float* keys[P];
  for (int p = 0; p < P; ++p) keys[p] = sequence.k(page + p);
  Tile<R, P> tile;
  tile.clear();
  tile.add(LeftRows{rows.q}, keys, kLanes, H);
  const V16 factor = splat16(scale);
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    const int64_t first = (page + p) * kLanes;
    const bool all_seen = rows.last[0] + 1 >= first + kLanes;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      V16 score = tile.acc[r][p] * factor;
      if (!all_seen) score = keep_n(score, rows.last[r] + 1 - first, -__builtin_inff());
      store(scores + r * stride + first, score);
      greatest[r] = max(score, greatest[r]);
    }
  }
}

template <int R, int P = tile_panels(R)>
static void score_all(const Sequence& sequence, const Rows& rows, int64_t H, float scale,
                      int64_t page, int64_t pages, float* scores, V16* greatest) {
  for (; page + P <= pages; page += P) {
    score_pages<R, P>(sequence, rows, H, scale, page, scores, pages * kLanes, greatest);
  }
  if constexpr (P > 1) {
    if (page < pages) score_all<R, P - 1>(sequence, rows, H, scale, page, pages, scores, greatest);
  }
}

// o[r][h ..] = (chain over j of p[r][j] * v_j[h]) / l[r] for P panels of the head dimension from
// `h` on.
template <int R, int P>
static void weigh_values(const Sequence& sequence, const Rows& rows, int64_t H, int64_t h,
                         const float* p, int64_t stride, const float* l) {
  Tile<R, P> tile;
  tile.clear();
  // Keys that all rows see, then each row's own.
  const int64_t shared = rows.last[0] + 1;
  for (int64_t j = 0; j < shared; j += kPageTokens) {
    const float* values[P];
    for (int i = 0; i < P; ++i) values[i] = sequence.v(j / kPageTokens) + h + i * kLanes;
    tile.add(LeftMatrix<Left::kRows>{p + j, stride}, values, H, min(kPageTokens, shared - j));
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
    for (int i = 0; i < P; ++i) store(rows.o[r] + h + i * kLanes, tile.acc[r][i] / splat16(l[r]));
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

template <int R, int P = tile_panels(R)>
static void weigh_all(const Sequence& sequence, const Rows& rows, int64_t H, int64_t h,
                      const float* p, int64_t stride, const float* l) {
  for (; h + P * kLanes <= H; h += P * kLanes) {
    weigh_values<R, P>(sequence, rows, H, h, p, stride, l);
  }
  if constexpr (P > 1) return weigh_all<R, P - 1>(sequence, rows, H, h, p, stride, l);
  if (h == H) return;
  for (int r = 0; r < R; ++r) {
    weigh_values_tail(sequence, rows.last[r], H, h, p + r * stride, l[r], rows.o[r]);
  }
}

template <int R>
static void attend_rows(const Sequence& sequence, const Rows& rows, int64_t H, float scale) {
  const int64_t pages = rows.last[R - 1] / kPageTokens + 1;
  const int64_t stride = pages * kPageTokens;
  float* scores = scratch(Scratch::kScores, R * stride);
  V16 greatest[R];
  for (int r = 0; r < R; ++r) greatest[r] = splat16(-__builtin_inff());
  score_all<R>(sequence, rows, H, scale, 0, pages, scores, greatest);
  float m[R];
  float l[R];
  for (int r = 0; r < R; ++r) m[r] = max16(greatest[r]);
  for (int r = 0; r < R; ++r) {
    const V16 shift = splat16(m[r]);
    V16 sum = splat16(0.0f);
    for (int64_t j = r * stride; j < (r + 1) * stride; j += kLanes) {
      const V16 p = exp_f32(load(scores + j) - shift);
      sum = sum + p;
      store(scores + j, p);
    }
    l[r] = sum16(sum);
    if (rows.m[r]) *rows.m[r] = m[r];
    if (rows.l[r]) *rows.l[r] = l[r];
  }
  weigh_all<R>(sequence, rows, H, 0, scores, stride, l);
}

// The largest tile that `left` rows fill; returns how many it did.
template <int R = kTileRows>
static int64_t attend_tile(int64_t left, const Sequence& sequence, const Rows& rows, int64_t H,
                           float scale) {
  if constexpr (R > 1) {
    if (left < R) return attend_tile<next_tile(R)>(left, sequence, rows, H, scale);
  }
  attend_rows<R>(sequence, rows, H, scale);
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
    Rows rows;
    const int64_t left = min(kTileRows, count - row);
    for (int64_t r = 0; r < left; ++r) {
      const int64_t t = begin + (row + r) / G;
      const int64_t head = t * N + kv * G + (row + r) % G;
      rows.q[r] = call.q + head * H;
      rows.last[r] = first + t;
      rows.o[r] = call.o + head * H;
      rows.m[r] = call.m ? call.m + head : nullptr;
      rows.l[r] = call.l ? call.l + head : nullptr;
    }
    row += attend_tile(left, sequence, rows, H, scale);
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
