#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {
namespace {

// One query head of one token and the keys it sees.
template <class Real>
struct Row {
  int64_t head;   // index of (token, query head)
  int64_t first;  // index of (token, key/value head) of its first key
  int64_t keys;   // how many
};

// function(row) for every row of the list; tokens ascending, heads innermost.
template <class Real, class Function>
void for_rows(const AttentionRuns& runs, const AttentionDims& dims, const Function& function) {
  for (int64_t s = 0; s < runs.runs; ++s) {
    for (int64_t t = runs.run_begin[s]; t < runs.run_begin[s + 1]; ++t) {
      for (int64_t n = 0; n < dims.N; ++n) {
        const int64_t kv = n / (dims.N / dims.KV);
        function(
            Row<Real>{t * dims.N + n, runs.run_begin[s] * dims.KV + kv, t - runs.run_begin[s] + 1});
      }
    }
  }
}

template <class Real>
Real dot(const Real* a, const Real* b, int64_t H) {
  Real sum = 0;
  for (int64_t h = 0; h < H; ++h) sum = fma(a[h], b[h], sum);
  return sum;
}

}  // namespace

template <class Real>
void attention_forward(const Real* q_TNH, const Real* k_TKH, const Real* v_TKH,
                       const AttentionRuns& runs, const AttentionDims& dims, Real* o_TNH,
                       Real* m_TN, Real* l_TN) {
  const int64_t H = dims.H;
  const Real scale = attention_scale(dims);
  for_rows<Real>(runs, dims, [&](const Row<Real>& row) {
    std::vector<Real> p(row.keys);
    const auto key = [&](int64_t j) { return (row.first + j * dims.KV) * H; };
    for (int64_t j = 0; j < row.keys; ++j)
      p[j] = dot(q_TNH + row.head * H, k_TKH + key(j), H) * scale;
    Real m = p[0];
    for (const Real s : p) m = s > m ? s : m;
    Chains<Real> sum;
    for (int64_t j = 0; j < row.keys; ++j) {
      p[j] = exponential(p[j] - m);
      sum.add(j, p[j]);
    }
    m_TN[row.head] = m;
    l_TN[row.head] = sum.sum();
    for (int64_t h = 0; h < H; ++h) {
      Real o = 0;
      for (int64_t j = 0; j < row.keys; ++j) o = fma(p[j], v_TKH[key(j) + h], o);
      o_TNH[row.head * H + h] = o / l_TN[row.head];
    }
  });
}

template <class Real>
void attention_backward(const Real* do_TNH, const Real* o_TNH, const Real* q_TNH, const Real* k_TKH,
                        const Real* v_TKH, const Real* m_TN, const Real* l_TN,
                        const AttentionRuns& runs, const AttentionDims& dims, Real* dq_TNH,
                        Real* dk_TKH, Real* dv_TKH) {
  const int64_t H = dims.H;
  const Real scale = attention_scale(dims);
  for (int64_t i = 0; i < runs.run_begin[runs.runs] * dims.KV * H; ++i) dk_TKH[i] = dv_TKH[i] = 0;
  for_rows<Real>(runs, dims, [&](const Row<Real>& row) {
    const Real* q = q_TNH + row.head * H;
    const Real* d_o = do_TNH + row.head * H;
    Real* dq = dq_TNH + row.head * H;
    Chains<Real> delta;
    for (int64_t h = 0; h < H; ++h) delta.add_product(h, d_o[h], o_TNH[row.head * H + h]);
    for (int64_t h = 0; h < H; ++h) dq[h] = 0;
    for (int64_t j = 0; j < row.keys; ++j) {
      const int64_t key = (row.first + j * dims.KV) * H;
      const Real s = dot(q, k_TKH + key, H) * scale;
      const Real p = exponential(s - m_TN[row.head]) / l_TN[row.head];
      const Real ds = (p * (dot(d_o, v_TKH + key, H) - delta.sum())) * scale;
      for (int64_t h = 0; h < H; ++h) {
        dq[h] = fma(ds, k_TKH[key + h], dq[h]);
        dk_TKH[key + h] = fma(ds, q[h], dk_TKH[key + h]);
        dv_TKH[key + h] = fma(p, d_o[h], dv_TKH[key + h]);
      }
    }
  });
}

#define RETORT_INSTANTIATE(Real)                                                                \
  template void attention_forward(const Real*, const Real*, const Real*, const AttentionRuns&,  \
                                  const AttentionDims&, Real*, Real*, Real*);                   \
  template void attention_backward(const Real*, const Real*, const Real*, const Real*,          \
                                   const Real*, const Real*, const Real*, const AttentionRuns&, \
                                   const AttentionDims&, Real*, Real*, Real*);
RETORT_INSTANTIATE(float)
RETORT_INSTANTIATE(double)

}  // namespace retort::kernels::reference
