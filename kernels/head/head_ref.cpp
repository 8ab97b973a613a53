#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {
namespace {

template <class Real>
struct Row {
  std::vector<Real> scaled;   // [V]
  std::vector<int32_t> kept;  // ids, ascending
  Real max;
  Real log_sum;
  Real entropy;

  Real logp(int64_t v) const { return (scaled[v] - max) - log_sum; }
};

template <class Real>
Row<Real> make_row(const Real* h_D, const Real* w_VD, const KeptSets& kept, int64_t t,
                   Real temperature, int64_t D, int64_t V) {
  Row<Real> row;
  row.scaled.resize(V);
  gemm_forward<Real>(h_D, w_VD, nullptr, row.scaled.data(), 1, D, V);
  for (Real& s : row.scaled) s = s / temperature;
  const int64_t count = kept.ids ? kept.begin[t + 1] - kept.begin[t] : V;
  for (int64_t j = 0; j < count; ++j) {
    row.kept.push_back(kept.ids ? kept.ids[kept.begin[t] + j] : static_cast<int32_t>(j));
  }
  row.max = row.scaled[row.kept[0]];
  for (const int32_t id : row.kept) row.max = row.scaled[id] > row.max ? row.scaled[id] : row.max;
  Chains<Real> sum;
  Chains<Real> weighted;
  for (int64_t j = 0; j < count; ++j) {
    const Real shifted = row.scaled[row.kept[j]] - row.max;
    const Real e = exponential(shifted);
    sum.add(j, e);
    weighted.add_product(j, e, shifted);
  }
  row.log_sum = logarithm(sum.sum());
  row.entropy = row.log_sum - weighted.sum() / sum.sum();
  return row;
}

}  // namespace

template <class Real>
void head_forward(const Real* h_TD, const Real* w_VD, const int32_t* targets_T,
                  const KeptSets& kept, Real temperature, Real* logp_T, Real* entropy_T, int64_t T,
                  int64_t D, int64_t V) {
  for (int64_t t = 0; t < T; ++t) {
    const Row<Real> row = make_row(h_TD + t * D, w_VD, kept, t, temperature, D, V);
    logp_T[t] = row.logp(targets_T[t]);
    entropy_T[t] = row.entropy;
  }
}

template <class Real>
void head_backward(const Real* dlogp_T, const Real* dentropy_T, const Real* h_TD, const Real* w_VD,
                   const int32_t* targets_T, const KeptSets& kept, Real temperature, Real* dh_TD,
                   Real* dw_VD, int64_t T, int64_t D, int64_t V) {
  for (int64_t t = 0; t < T; ++t) {
    const Row<Real> row = make_row(h_TD + t * D, w_VD, kept, t, temperature, D, V);
    std::vector<Real> dz(V);
    const Real a = dlogp_T[t];
    const Real b = dentropy_T ? dentropy_T[t] : Real{0};
    for (const int32_t v : row.kept) {
      const Real logp = row.logp(v);
      const Real p = exponential(logp);
      Real g = fma(-a, p, (-b * p) * (logp + row.entropy));
      if (v == targets_T[t]) g = g + a;
      dz[v] = g / temperature;
    }
    gemm_backward_input<Real>(dz.data(), w_VD, dh_TD + t * D, 1, D, V);
    if (dw_VD) gemm_backward_weight<Real>(dz.data(), h_TD + t * D, dw_VD, nullptr, 1, D, V);
  }
}

#define RETORT_INSTANTIATE(Real)                                                                  \
  template void head_forward(const Real*, const Real*, const int32_t*, const KeptSets&, Real,     \
                             Real*, Real*, int64_t, int64_t, int64_t);                            \
  template void head_backward(const Real*, const Real*, const Real*, const Real*, const int32_t*, \
                              const KeptSets&, Real, Real*, Real*, int64_t, int64_t, int64_t);
RETORT_INSTANTIATE(float)
RETORT_INSTANTIATE(double)

}  // namespace retort::kernels::reference
