// T tokens, K in, N out; panel = 16 columns of the output.
#include "kernels/gemm/block.h"
#include "kernels/gemm/gemm.h"
#include "kernels/parallel.h"

namespace retort::kernels::RETORT_ISA {
namespace {

// Most steps of the reduced dimension whose panels stay in the first cache with the rows of a tile.
constexpr int64_t kStepBlock = kTileRows == 12 ? 192 : 256;
// Rows whose left operand stays in the second cache for a block of steps.
constexpr int64_t kRowBlock = 192;
// Outputs of a piece of work that stay in the second cache beside its rows, for products whose
// outputs are loaded and stored once for every block of steps.
constexpr int64_t kPieceOutputs = 1 << 15;
// Fused multiply-adds below which a piece of work is not worth another thread (a few microseconds).
constexpr int64_t kPieceWork = 1 << 17;

RETORT_INLINE int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
RETORT_INLINE int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
RETORT_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The output is cut into row blocks x groups of panels; a piece is one of each.
struct Pieces {
  int64_t rows, panels;              // of the output
  int64_t block_rows, group_panels;  // of a piece
  int64_t blocks, groups;            // how many

  int64_t count() const { return blocks * groups; }
};

static Pieces make_pieces(int64_t rows, int64_t columns, int64_t steps, int64_t most_outputs) {
  Pieces pieces;
  pieces.rows = rows;
  pieces.panels = ceil_div(columns, kLanes);
  pieces.blocks = max(1, ceil_div(rows, kRowBlock));
  pieces.block_rows = max(1, ceil_div(ceil_div(rows, pieces.blocks), kTileRows) * kTileRows);
  pieces.blocks = ceil_div(rows, pieces.block_rows);
  const int64_t wanted = threads() == 1 ? 1 : ceil_div(4 * threads(), max(1, pieces.blocks));
  const int64_t panel_work = pieces.block_rows * steps * kLanes;
  pieces.group_panels =
      max(ceil_div(pieces.panels, wanted), ceil_div(kPieceWork, max(1, panel_work)));
  pieces.group_panels =
      max(1, min(pieces.group_panels, most_outputs / (pieces.block_rows * kLanes)));
  // Whole tiles of panels.
  const int64_t unit = tile_panels(static_cast<int>(min(kTileRows, max(1, rows))));
  pieces.group_panels = min(ceil_div(pieces.group_panels, unit) * unit, pieces.panels);
  pieces.groups = ceil_div(pieces.panels, pieces.group_panels);
  return pieces;
}

// Pieces of a weight's gradient, [N, K]. Each packs its part of both operands for itself, so that
// no core reads what another has written; what that costs falls with its rows and columns. Up to
// four a thread, which even out threads that are preempted, as long as packing stays below an
// eighth of the work: 1 / rows + 1 / columns < kPackingShare.
constexpr double kPackingShare = 1.0 / 192;

static Pieces weight_pieces(int64_t N, int64_t K) {
  Pieces pieces = {};
  pieces.rows = N;
  pieces.panels = ceil_div(K, kLanes);
  for (int64_t count = 4 * threads();; count /= 2) {
    double least = 1e30;
    for (int64_t blocks = 1; blocks <= count; ++blocks) {
      if (count % blocks != 0) continue;
      const int64_t rows = ceil_div(ceil_div(N, blocks), kTileRows) * kTileRows;
      const int64_t unit = tile_panels(kTileRows);
      const int64_t panels = ceil_div(ceil_div(pieces.panels, count / blocks), unit) * unit;
      const double cost = 1 / static_cast<double>(rows) + 1 / static_cast<double>(panels * kLanes);
      if (cost >= least) continue;
      least = cost;
      pieces.block_rows = rows;
      pieces.group_panels = panels;
    }
    if (least < kPackingShare || count <= threads()) break;
  }
  pieces.blocks = ceil_div(N, pieces.block_rows);
  pieces.groups = ceil_div(pieces.panels, pieces.group_panels);
  return pieces;
}

// function(row, rows, panel, panels) for each piece, on the kernels' threads, `grain` or more
// pieces a thread.
template <class Function>
RETORT_INLINE void for_pieces(const Pieces& pieces, int64_t grain, const Function& function) {
  parallel_for(pieces.count(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t panel = i / pieces.blocks * pieces.group_panels;
      const int64_t row = i % pieces.blocks * pieces.block_rows;
      function(row, min(pieces.block_rows, pieces.rows - row), panel,
               min(pieces.group_panels, pieces.panels - panel));
    }
  });
}

// Blocks of steps as equal as can be.
RETORT_INLINE int64_t block_steps(int64_t steps) {
  return ceil_div(steps, ceil_div(steps, kStepBlock));
}

// Columns of the right operand that a product packs at a time: long pieces of its rows, which lie
// pages apart; packed they stay in the second cache.
constexpr int64_t kPackedColumns = 64;

// panels[p][s][16] = b[s][16 p ..], zeros beyond `columns`.
static void pack_panels(const float* b, int64_t b_stride, int64_t steps, int64_t columns,
                        float* panels) {
  for (int64_t s = 0; s < steps; ++s) {
    for (int64_t column = 0; column < columns; column += kLanes) {
      store(panels + column * steps + s * kLanes,
            load_n(b + s * b_stride + column, columns - column));
    }
  }
}

// left[tile][s][kTileRows] = dy[s][row ..]: dy transposed, so that a tile of rows reads its steps
// one after the other.
static void pack_tiles(const float* dy, int64_t dy_stride, int64_t steps, int64_t rows,
                       float* left) {
  for (int64_t row = 0; row < rows; row += kTileRows) {
    float* tile = left + row * steps;
    const int64_t count = min(kTileRows, rows - row);
    if (count == kTileRows) {
      for (int64_t s = 0; s < steps; ++s)
        __builtin_memcpy(tile + s * kTileRows, dy + s * dy_stride + row, kTileRows * sizeof(float));
      continue;
    }
    for (int64_t s = 0; s < steps; ++s) {
      for (int64_t r = 0; r < count; ++r) tile[s * kTileRows + r] = dy[s * dy_stride + row + r];
    }
  }
}

}  // namespace

void gemm_pack(const float* w_NK, int64_t N, int64_t K, float* packed) {
  parallel_for(ceil_div(N, kLanes), ceil_div(1 << 14, K * kLanes), [=](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      float* to = packed + panel * K * kLanes;
      const float* from = w_NK + panel * kLanes * K;
      const int64_t lanes = min(kLanes, N - panel * kLanes);
      for (int64_t k = 0; k < K; ++k) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          to[k * kLanes + lane] = lane < lanes ? from[lane * K + k] : 0.0f;
        }
      }
    }
  });
}

void gemm_forward(const float* x_TK, const float* packed, const float* bias_N, float* y_TN,
                  int64_t T, int64_t K, int64_t N) {
  if (T == 0) return;
  // One row reads the matrix once, as long streams.
  const int64_t block = T == 1 ? K : block_steps(K);
  for_pieces(make_pieces(T, N, K, kPieceOutputs), 1,
             [=](int64_t row, int64_t rows, int64_t panel, int64_t panels) {
               const int64_t column = panel * kLanes;
               for (int64_t k = 0; k < K; k += block) {
                 const int64_t steps = min(block, K - k);
                 const bool last = k + steps == K;
                 run_block<Left::kRows>(
                     {.a = x_TK + row * K + k,
                      .a_stride = K,
                      .b = {packed + (panel * K + k) * kLanes, K * kLanes, kLanes},
                      .rows = rows,
                      .steps = steps,
                      .columns = min(panels * kLanes, N - column),
                      .c = y_TN + row * N + column,
                      .c_stride = N,
                      .accumulate = k > 0,
                      .bias = last && bias_N ? bias_N + column : nullptr,
                      .after = last ? nullptr : packed + (panel * K + k + steps) * kLanes});
               }
             });
}

void gemm_backward_input(const float* dy_TN, const float* w_NK, float* dx_TK, int64_t T, int64_t K,
                         int64_t N) {
  if (T == 0) return;
  const int64_t block = block_steps(N);
  for_pieces(make_pieces(T, K, N, kPieceOutputs), 1,
             [=](int64_t row, int64_t rows, int64_t panel, int64_t panels) {
               for (int64_t n = 0; n < N; n += block) {
                 const int64_t steps = min(block, N - n);
                 const int64_t end = min(K, (panel + panels) * kLanes);
                 for (int64_t column = panel * kLanes; column < end; column += kPackedColumns) {
                   const int64_t columns = min(kPackedColumns, end - column);
                   float* packed = scratch(Scratch::kRightPanel, kStepBlock * kPackedColumns);
                   pack_panels(w_NK + n * K + column, K, steps, columns, packed);
                   run_block<Left::kRows>({.a = dy_TN + row * N + n,
                                           .a_stride = N,
                                           .b = {packed, steps * kLanes, kLanes},
                                           .rows = rows,
                                           .steps = steps,
                                           .columns = columns,
                                           .c = dx_TK + row * K + column,
                                           .c_stride = K,
                                           .accumulate = n > 0,
                                           .bias = nullptr});
                 }
               }
             });
}

void gemm_backward_weight(const float* dy_TN, const float* x_TK, float* dw_NK, float* db_N,
                          int64_t T, int64_t K, int64_t N) {
  if (T == 0) return;
  const int64_t block = block_steps(T);
  const Pieces pieces = weight_pieces(N, K);
  const int64_t grain = ceil_div(kPieceWork, T * pieces.block_rows * pieces.group_panels * kLanes);
  for_pieces(pieces, grain, [=](int64_t first, int64_t count, int64_t panel, int64_t panels) {
    const int64_t column = panel * kLanes;
    const int64_t columns = min(panels * kLanes, K - column);
    float* left = scratch(Scratch::kLeftBlock, block * kRowBlock);
    float* right = scratch(Scratch::kRightBlock, block * panels * kLanes);
    for (int64_t t = 0; t < T; t += block) {
      const int64_t steps = min(block, T - t);
      pack_panels(x_TK + t * K + column, K, steps, columns, right);
      for (int64_t row = first; row < first + count; row += kRowBlock) {
        const int64_t rows = min(kRowBlock, first + count - row);
        pack_tiles(dy_TN + t * N + row, N, steps, rows, left);
        run_block<Left::kTiles>({.a = left,
                                 .a_stride = 0,
                                 .b = {right, steps * kLanes, kLanes},
                                 .rows = rows,
                                 .steps = steps,
                                 .columns = columns,
                                 .c = dw_NK + row * K + column,
                                 .c_stride = K,
                                 .accumulate = true,
                                 .bias = nullptr});
      }
    }
  });
  if (!db_N) return;
  parallel_for(ceil_div(N, kLanes), ceil_div(1 << 13, T), [=](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t column = panel * kLanes;
      const int64_t columns = min(kLanes, N - column);
      V16 sum = load_n(db_N + column, columns);
      for (int64_t t = 0; t < T; ++t) sum = sum + load_n(dy_TN + t * N + column, columns);
      store_n(db_N + column, sum, columns);
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
