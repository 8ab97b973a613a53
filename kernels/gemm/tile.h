#pragma once
// The register tile that every matrix product of the CPU path is made of, for files compiled per
// instruction set:
//   acc[r][p] = fma chain over s ascending of A(r, s) * B_p[s][0..15], continued from acc.
// One accumulator per output element and one pass in order, so the tile's shape is free: it changes
// no bit.
#include "kernels/vec.h"

namespace retort::kernels {
namespace {

// Rows of the largest tile, and panels of 16 columns for a tile of `rows`: enough independent
// chains to hide the latency of the fused multiply-add, few enough to stay in registers (16 with
// AVX2, 32 with AVX-512).
#ifdef __AVX512F__
constexpr int kTileRows = 12;
constexpr int tile_panels(int rows) { return rows == 1 ? 8 : rows == 2 ? 6 : rows <= 4 ? 4 : 2; }
constexpr int next_tile(int rows) {
  return rows == 12 ? 8 : rows == 8 ? 6 : rows == 6 ? 4 : rows - 1;
}
// Rows of the next tile when `left` are to come.
RETORT_INLINE int64_t split_rows(int64_t left) { return left; }
#else
constexpr int kTileRows = 6;
constexpr int tile_panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 3 : rows == 3 ? 2 : 1; }
constexpr int next_tile(int rows) { return rows - 1; }
// Equal tiles: one of a row or two would leave the arithmetic waiting.
RETORT_INLINE int64_t split_rows(int64_t left) {
  const int64_t tiles = (left + kTileRows - 1) / kTileRows;
  return (left + tiles - 1) / tiles;
}
#endif

// How A(r, s) lies in memory: rows as lines (a[r * stride + s]), steps as lines (a[s * stride +
// r]), or packed by tiles of kTileRows rows, each with its steps as lines.
enum class Left { kRows, kSteps, kTiles };

template <Left kLeft>
struct LeftMatrix {
  const float* data;
  int64_t stride;

  RETORT_INLINE float operator()(int r, int64_t s) const {
    if constexpr (kLeft == Left::kRows) return data[r * stride + s];
    if constexpr (kLeft == Left::kSteps) return data[s * stride + r];
    return data[s * kTileRows + r];
  }
  // The same matrix from `row` on; `steps` is its number of steps.
  RETORT_INLINE LeftMatrix from_row(int64_t row, int64_t steps) const {
    if constexpr (kLeft == Left::kRows) return {data + row * stride, stride};
    if constexpr (kLeft == Left::kSteps) return {data + row, stride};
    return {data + row / kTileRows * kTileRows * steps + row % kTileRows, stride};
  }
};
// Rows anywhere.
struct LeftRows {
  const float* const* rows;

  RETORT_INLINE float operator()(int r, int64_t s) const { return rows[r][s]; }
};

// Panels that a later tile reads: fetched into the first cache while this one computes, so that a
// product of few rows does not wait for memory at the head of each panel.
struct Ahead {
  const float* data = nullptr;  // panel p at data + p * panel_stride, its steps one after the other
  int64_t panel_stride = 0;
  int64_t steps = 0, panels = 0;
  int64_t panel = 0, step = 0;  // the line that is next
  int64_t lines = 0;            // to fetch for every kAheadSteps steps of a tile

  RETORT_INLINE void fetch() {
    for (int64_t i = 0; i < lines && panel < panels; ++i) {
      __builtin_prefetch(data + panel * panel_stride + step * kLanes, 0, 3);
      if (++step == steps) {
        step = 0;
        ++panel;
      }
    }
  }
};
constexpr int64_t kAheadSteps = 8;

template <int R, int P>
struct Tile {
  V16 acc[R][P];

  RETORT_INLINE void clear() {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) acc[r][p] = splat16(0.0f);
    }
  }

  // left(r, s) is A; panel p starts at b[p]; one step is `b_stride` floats further.
  template <class A>
  RETORT_INLINE void add(const A& left, const float* const (&b)[P], int64_t b_stride,
                         int64_t steps) {
    add_steps(left, b, b_stride, 0, steps);
  }
  template <class A>
  RETORT_INLINE void add(const A& left, const float* const (&b)[P], int64_t b_stride, int64_t steps,
                         Ahead& ahead) {
    int64_t s = 0;
    for (; ahead.panel < ahead.panels && s + kAheadSteps <= steps; s += kAheadSteps) {
      ahead.fetch();
      add_steps(left, b, b_stride, s, s + kAheadSteps);
    }
    add_steps(left, b, b_stride, s, steps);
  }

  template <class A>
  RETORT_INLINE void add_steps(const A& left, const float* const (&b)[P], int64_t b_stride,
                               int64_t first, int64_t end) {
#pragma GCC unroll 2
    for (int64_t s = first; s < end; ++s) {
      V16 right[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) right[p] = load(b[p] + s * b_stride);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const vf factor = splat_part(left(r, s));
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) acc[r][p] = fma(factor, right[p], acc[r][p]);
      }
    }
  }

  RETORT_INLINE void load_from(const float* c, int64_t c_stride) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) acc[r][p] = load(c + r * c_stride + p * kLanes);
    }
  }
  RETORT_INLINE void store_to(float* c, int64_t c_stride) const {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) store(c + r * c_stride + p * kLanes, acc[r][p]);
    }
  }
};

}  // namespace
}  // namespace retort::kernels
