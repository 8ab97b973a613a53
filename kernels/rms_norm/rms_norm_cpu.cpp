// R rows of D. The 16 partial chains of a row are the lanes of one V16: index d belongs to lane d
// mod 16.
#include "kernels/parallel.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {
namespace {

// Elements worth a thread of their own.
constexpr int64_t kPieceElements = 1 << 14;

RETORT_INLINE int64_t rows_per_piece(int64_t D) { return kPieceElements / D + 1; }

// Columns whose chains over the rows a thread keeps in registers.
constexpr int64_t kGroup = 4 * kLanes;

struct Columns {
  const float* dy;
  const float* x;
  const float* rstd;
  float* dw;
  int64_t R, D;
  int64_t count;  // to the end of the row
};

template <int P>
static void weight_gradient(const Columns& columns) {
  V16 sum[P];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) sum[p] = load_n(columns.dw + p * kLanes, columns.count - p * kLanes);
  for (int64_t r = 0; r < columns.R; ++r) {
    const V16 scale = splat16(columns.rstd[r]);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const int64_t at = r * columns.D + p * kLanes;
      const int64_t lanes = columns.count - p * kLanes;
      sum[p] = fma(load_n(columns.dy + at, lanes), load_n(columns.x + at, lanes) * scale, sum[p]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    store_n(columns.dw + p * kLanes, sum[p], columns.count - p * kLanes);
  }
}

}  // namespace

void rms_norm_forward(const float* x_RD, const float* w_D, double eps, float* y_RD, float* rstd_R,
                      int64_t R, int64_t D) {
  const float small = static_cast<float>(eps);
  const float count = static_cast<float>(D);
  parallel_for(R, rows_per_piece(D), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = x_RD + r * D;
      float* y = y_RD + r * D;
      V16 squares = splat16(0.0f);
      for (int64_t d = 0; d < D; d += kLanes) {
        const V16 value = load_n(x + d, D - d);
        squares = fma(value, value, squares);
      }
      const float rstd = 1.0f / __builtin_sqrtf(sum16(squares) / count + small);
      const V16 scale = splat16(rstd);
      for (int64_t d = 0; d < D; d += kLanes) {
        store_n(y + d, (load_n(x + d, D - d) * scale) * load_n(w_D + d, D - d), D - d);
      }
      if (rstd_R) rstd_R[r] = rstd;
    }
  });
}

// With n = x * rstd and g = dy * w: dx = rstd * (g - n * mean(g * n)), dw = sum over rows of dy *
// n.
void rms_norm_backward(const float* dy_RD, const float* x_RD, const float* w_D, const float* rstd_R,
                       float* dx_RD, float* dw_D, int64_t R, int64_t D) {
  const float count = static_cast<float>(D);
  parallel_for(R, rows_per_piece(D), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = x_RD + r * D;
      const float* dy = dy_RD + r * D;
      float* dx = dx_RD + r * D;
      const V16 scale = splat16(rstd_R[r]);
      V16 products = splat16(0.0f);
      for (int64_t d = 0; d < D; d += kLanes) {
        const V16 n = load_n(x + d, D - d) * scale;
        products = fma(load_n(dy + d, D - d) * load_n(w_D + d, D - d), n, products);
      }
      const V16 mean = splat16(-(sum16(products) / count));
      for (int64_t d = 0; d < D; d += kLanes) {
        const V16 n = load_n(x + d, D - d) * scale;
        const V16 g = load_n(dy + d, D - d) * load_n(w_D + d, D - d);
        store_n(dx + d, scale * fma(n, mean, g), D - d);
      }
    }
  });
  if (!dw_D) return;
  const int64_t groups = (D + kGroup - 1) / kGroup;
  parallel_for(groups, kPieceElements / (R * kGroup + 1) + 1, [=](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      const int64_t d = group * kGroup;
      const Columns columns = {dy_RD + d, x_RD + d, rstd_R, dw_D + d, R, D, D - d};
      if (columns.count > 3 * kLanes) {
        weight_gradient<4>(columns);
      } else if (columns.count > 2 * kLanes) {
        weight_gradient<3>(columns);
      } else if (columns.count > kLanes) {
        weight_gradient<2>(columns);
      } else {
        weight_gradient<1>(columns);
      }
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
