#pragma once
// A matrix product as register tiles on one thread, for files compiled per instruction set.
#include "kernels/gemm/tile.h"

namespace retort::kernels {
namespace {

// Right operand: panels of 16 columns, `panel_stride` floats apart, rows (steps) `step_stride`
// apart.
struct Right {
  const float* data;
  int64_t panel_stride;
  int64_t step_stride;
};

// c[rows, columns] = (accumulate ? c : 0) + A B, + bias when given, as tiles; single-threaded. Rows
// of c are c_stride apart. Reads of B cover whole panels.
struct Block {
  const float* a;
  int64_t a_stride;
  Right b;
  int64_t rows;
  int64_t steps;
  int64_t columns;
  float* c;
  int64_t c_stride;
  bool accumulate;
  const float* bias;  // [columns] or null
  // What the caller reads next as B, in panels like B's: fetched ahead. Null: not known.
  const float* after = nullptr;
};

static void copy_columns(const float* from, int64_t from_stride, float* to, int64_t to_stride,
                         int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < columns; ++i) to[r * to_stride + i] = from[r * from_stride + i];
  }
}

template <Left kLeft, int R, int P>
static void run_tile(const Block& block, int64_t row, int64_t panel, Ahead& ahead) {
  constexpr int64_t kColumns = P * kLanes;
  const int64_t column = panel * kLanes;
  const int64_t columns = block.columns - column < kColumns ? block.columns - column : kColumns;
  const bool whole = columns == kColumns;
  const auto left = LeftMatrix<kLeft>{block.a, block.a_stride}.from_row(row, block.steps);
  const float* b[P];
  for (int p = 0; p < P; ++p) b[p] = block.b.data + (panel + p) * block.b.panel_stride;
  float* c = block.c + row * block.c_stride + column;
  int64_t c_stride = block.c_stride;
  // A tile that reaches over the last column works on a copy.
  float copy[R * kColumns];
  if (!whole) {
    __builtin_memset(copy, 0, sizeof(copy));
    if (block.accumulate) copy_columns(c, c_stride, copy, kColumns, R, columns);
    c = copy;
    c_stride = kColumns;
  }
  Tile<R, P> tile;
  if (block.accumulate) {
    tile.load_from(c, c_stride);
  } else {
    tile.clear();
  }
  // The tile below: its outputs are a line in each of R rows, where no processor guesses them.
  if (block.accumulate && row + 2 * R <= block.rows) {
    for (int r = R; r < 2 * R; ++r) {
      for (int p = 0; p < P; ++p)
        __builtin_prefetch(block.c + (row + r) * block.c_stride + column + p * kLanes, 1, 3);
    }
  }
  tile.add(left, b, block.b.step_stride, block.steps, ahead);
  if (block.bias) {
    for (int p = 0; p < P; ++p) {
      const V16 bias = load_n(block.bias + column + p * kLanes, columns - p * kLanes);
      for (int r = 0; r < R; ++r) tile.acc[r][p] = tile.acc[r][p] + bias;
    }
  }
  tile.store_to(c, c_stride);
  if (!whole) {
    copy_columns(copy, kColumns, block.c + row * block.c_stride + column, block.c_stride, R,
                 columns);
  }
}

// As many panels at a time as a tile of R rows takes, then the rest at once.
template <Left kLeft, int R, int P = tile_panels(R)>
static void run_panels(const Block& block, int64_t row, int64_t panel, int64_t end, Ahead& ahead) {
  for (; panel + P <= end; panel += P) run_tile<kLeft, R, P>(block, row, panel, ahead);
  if constexpr (P > 1) {
    if (panel < end) run_panels<kLeft, R, P - 1>(block, row, panel, end, ahead);
  }
}

// The largest tile that `rows` fill; the caller goes on after the rows that were done.
template <Left kLeft, int R = kTileRows>
static int64_t run_rows(const Block& block, int64_t row, int64_t rows, int64_t panel,
                        int64_t panels, Ahead& ahead) {
  if constexpr (R > 1) {
    if (rows < R) return run_rows<kLeft, next_tile(R)>(block, row, rows, panel, panels, ahead);
  }
  run_panels<kLeft, R>(block, row, panel, panel + panels, ahead);
  return R;
}

// Panels outside, so that one group of panels stays in the first cache while all rows pass.
template <Left kLeft>
static void run_block(const Block& block) {
  const int64_t panels = (block.columns + kLanes - 1) / kLanes;
  const int64_t tile_rows = block.rows < kTileRows ? block.rows : kTileRows;
  const int64_t group = tile_panels(static_cast<int>(tile_rows));
  for (int64_t panel = 0; panel < panels; panel += group) {
    const int64_t width = panels - panel < group ? panels - panel : group;
    // The next panels, spread over the tiles of these. One row alone is a stream already.
    Ahead ahead;
    const int64_t rest = panels - panel - width;
    const float* next =
        rest > 0 ? block.b.data + (panel + width) * block.b.panel_stride : block.after;
    if (block.rows > 1 && next) {
      ahead.data = next;
      ahead.panel_stride = block.b.panel_stride;
      ahead.steps = block.steps;
      ahead.panels = rest > 0 && rest < group ? rest : width;
      const int64_t tiles = (block.rows + tile_rows - 1) / tile_rows;
      ahead.lines = (kAheadSteps * ahead.panels + tiles - 1) / tiles;
    }
    for (int64_t row = 0; row < block.rows;) {
      // Packed tiles lie where they are.
      const int64_t left = block.rows - row;
      row += run_rows<kLeft>(block, row, kLeft == Left::kTiles ? left : split_rows(left), panel,
                             width, ahead);
    }
  }
}

}  // namespace
}  // namespace retort::kernels
