// Bits of a row depend on the row alone: at sizes that are split among threads, against the scalar
// definition.
#include "kernels/attention/attention.h"
#include "kernels/dispatch.h"
#include "kernels/gemm/gemm.h"
#include "kernels/head/head.h"
#include "kernels/parallel.h"
#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rotary/rotary.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace retort::kernels {
namespace {

constexpr int64_t kBatches[] = {1, 2, 7, 8, 32, 64, 65, 256};

class Property : public testing::Test {
 protected:
  void TearDown() override { set_threads(before_); }

  // function(first, count, out) over rows, in batches of every size with 1 to 4 threads, gives
  // `want`.
  static void expect_rows(const RowFunction& function) {
    for (const int count : {1, 2, 3, 4}) {
      set_threads(count);
      for (const int64_t batch : kBatches) {
        // The first, a middle and the last batch of this size.
        for (const int64_t first : {int64_t{0}, function.rows / 2, function.rows - batch}) {
          if (first < 0) continue;
          const int64_t rows = std::min(batch, function.rows - first);
          GuardedOutput out(rows * function.columns);
          function.kernel(first, rows, out.data());
          ASSERT_TRUE(out.intact()) << batch << " rows from " << first;
          const auto begin = function.definition.begin() + first * function.columns;
          const std::vector<float> want(begin, begin + rows * function.columns);
          ASSERT_EQ(describe("", out.values(), want, function.columns), "")
              << batch << " rows from " << first << ", " << count << " threads";
        }
      }
    }
  }

 private:
  int before_ = threads();
};

std::vector<float> packed_of(const std::vector<float>& w, int64_t N, int64_t K) {
  std::vector<float> packed(packed_floats(N, K));
  gemm_pack(w.data(), N, K, packed.data());
  return packed;
}

TEST_F(Property, Gemm) {
  const int64_t T = 300,
                sizes[][2] = {{128, 256}, {576, 200}, {1, 1}, {17, 3}, {260, 16}, {64, 1000}};
  for (const auto& [K, N] : sizes) {
    SCOPED_TRACE(std::to_string(K) + " in, " + std::to_string(N) + " out");
    const std::vector<float> x = random_floats(T * K, 1), w = random_floats(N * K, 2),
                             bias = random_floats(N, 3);
    const std::vector<float> packed = packed_of(w, N, K);
    std::vector<float> want(T * N), want_input(T * K);
    reference::gemm_forward(x.data(), w.data(), bias.data(), want.data(), T, K, N);
    expect_rows({T, N,
                 [&, K = K, N = N](int64_t first, int64_t count, float* out) {
                   gemm_forward(x.data() + first * K, packed.data(), bias.data(), out, count, K, N);
                 },
                 want});
    const std::vector<float> dy = random_floats(T * N, 4);
    reference::gemm_backward_input(dy.data(), w.data(), want_input.data(), T, K, N);
    expect_rows({T, K,
                 [&, K = K, N = N](int64_t first, int64_t count, float* out) {
                   gemm_backward_input(dy.data() + first * N, w.data(), out, count, K, N);
                 },
                 want_input});
    // Micro-batches of any size continue one chain.
    std::vector<float> dw(N * K), db(N);
    reference::gemm_backward_weight(dy.data(), x.data(), dw.data(), db.data(), T, K, N);
    for (const int64_t batch : kBatches) {
      set_threads(static_cast<int>(1 + batch % 4));
      std::vector<float> got(N * K), got_bias(N);
      for (int64_t first = 0; first < T; first += batch) {
        gemm_backward_weight(dy.data() + first * N, x.data() + first * K, got.data(),
                             got_bias.data(), std::min(batch, T - first), K, N);
      }
      ASSERT_EQ(describe("dw", got, dw, K), "") << "micro-batches of " << batch;
      ASSERT_EQ(describe("db", got_bias, db, N), "") << "micro-batches of " << batch;
    }
  }
}

TEST_F(Property, NormAndElementwise) {
  const int64_t T = 512, D = 576;
  const std::vector<float> x = random_floats(T * 2 * D, 1), w = random_floats(D, 2);
  std::vector<float> want(T * D), rstd(T);
  reference::rms_norm_forward(x.data(), w.data(), 1e-6, want.data(), rstd.data(), T, D);
  expect_rows({T, D,
               [&](int64_t first, int64_t count, float* out) {
                 rms_norm_forward(x.data() + first * D, w.data(), 1e-6, out, nullptr, count, D);
               },
               want});
  reference::swiglu_forward(x.data(), want.data(), T, D);
  expect_rows({T, D,
               [&](int64_t first, int64_t count, float* out) {
                 swiglu_forward(x.data() + first * 2 * D, out, count, D);
               },
               want});
  const std::vector<int32_t> positions = random_ids(T, 300, 5);
  const std::vector<float> cos = random_floats(300 * 32, 3), sin = random_floats(300 * 32, 4);
  reference::rotary_apply(x.data(), positions.data(), cos.data(), sin.data(), want.data(), T, 9, 64,
                          32, 1.0f);
  expect_rows({T, D,
               [&](int64_t first, int64_t count, float* out) {
                 rotary_apply(x.data() + first * D, positions.data() + first, cos.data(),
                              sin.data(), out, count, 9, 64, 32, 1.0f);
               },
               want});
}

TEST_F(Property, Head) {
  const int64_t T = 300, D = 64, V = 1000;
  const std::vector<float> h = random_floats(T * D, 1), w = random_floats(V * D, 2);
  const std::vector<float> packed = packed_of(w, V, D);
  const std::vector<int32_t> targets = random_ids(T, V, 3);
  std::vector<float> want(T), entropy(T);
  reference::head_forward(h.data(), w.data(), targets.data(), {}, 0.8f, want.data(), entropy.data(),
                          T, D, V);
  expect_rows({T, 1,
               [&](int64_t first, int64_t count, float* out) {
                 std::vector<float> unused(count);
                 head_forward(h.data() + first * D, packed.data(), targets.data() + first, {}, 0.8f,
                              out, unused.data(), count, D, V);
               },
               want});
}

// Runs of one query at different positions beside whole sequences, as an engine mixes them, against
// the definition.
TEST_F(Property, AttentionMixesPrefillAndDecode) {
  struct Shape {
    AttentionDims dims;
    std::vector<int64_t> lengths;
  };
  const Shape shapes[] = {{{4, 2, 32, 0}, {100, 33, 16, 1, 70, 64}},
                          {{9, 3, 64, 0}, {40, 97}},
                          {{2, 2, 8, 0.5f}, {19, 50}},
                          {{7, 1, 128, 0}, {65}},
                          {{4, 4, 80, 0}, {34, 200}}};
  for (const Shape& shape : shapes) {
    const AttentionDims& dims = shape.dims;
    const int64_t Q = dims.N * dims.H, KV = dims.KV * dims.H;
    SCOPED_TRACE("heads " + std::to_string(dims.N) + " / " + std::to_string(dims.KV) + " of " +
                 std::to_string(dims.H));
    std::vector<int32_t> begin = {0};
    for (const int64_t length : shape.lengths)
      begin.push_back(static_cast<int32_t>(begin.back() + length));
    const int64_t T = begin.back(), S = static_cast<int64_t>(shape.lengths.size());
    const std::vector<float> q = random_floats(T * Q, 1), k = random_floats(T * KV, 2),
                             v = random_floats(T * KV, 3);
    std::vector<float> want(T * Q), m(T * dims.N), l(T * dims.N);
    const AttentionRuns whole = {S, begin.data(), nullptr, nullptr, 0};
    reference::attention_forward(q.data(), k.data(), v.data(), whole, dims, want.data(), m.data(),
                                 l.data());
    const int64_t max_pages = 13, pages = S * max_pages;
    for (const int count : {1, 2, 4}) {
      set_threads(count);
      std::vector<float> k_pages(pages * page_floats(dims), std::nanf("")), v_pages = k_pages,
                                                                            got(T * Q);
      std::vector<int32_t> done(S, 0);
      std::vector<int32_t> table(pages);
      // Pages from the end of the cache backwards.
      for (int64_t i = 0; i < pages; ++i) table[i] = static_cast<int32_t>(pages - 1 - i);
      // Waves: sequence s gets 1, 7, 40 or all of its remaining tokens.
      for (int64_t wave = 0; std::any_of(begin.begin(), begin.end() - 1,
                                         [&, s = 0](int32_t) mutable {
                                           const int i = s++;
                                           return done[i] < shape.lengths[i];
                                         });
           ++wave) {
        std::vector<int32_t> run_begin = {0}, first, run_table, tokens;
        for (int64_t s = 0; s < S; ++s) {
          const int64_t left = shape.lengths[s] - done[s];
          const int64_t sizes[] = {1, 7, 40, left};
          const int64_t take = std::min(left, sizes[(s + wave) % 4]);
          if (take == 0) continue;
          for (int64_t i = 0; i < take; ++i)
            tokens.push_back(static_cast<int32_t>(begin[s] + done[s] + i));
          first.push_back(done[s]);
          run_begin.push_back(static_cast<int32_t>(tokens.size()));
          run_table.insert(run_table.end(), table.begin() + s * max_pages,
                           table.begin() + (s + 1) * max_pages);
          done[s] += static_cast<int32_t>(take);
        }
        const auto gather = [&](const std::vector<float>& from, int64_t width) {
          std::vector<float> rows;
          for (const int32_t t : tokens)
            rows.insert(rows.end(), &from[t * width], &from[t * width] + width);
          return rows;
        };
        const std::vector<float> wave_q = gather(q, Q), wave_k = gather(k, KV),
                                 wave_v = gather(v, KV);
        std::vector<float> o(wave_q.size());
        attention_forward(wave_q.data(), wave_k.data(), wave_v.data(),
                          {static_cast<int64_t>(first.size()), run_begin.data(), first.data(),
                           run_table.data(), max_pages},
                          dims, k_pages.data(), v_pages.data(), o.data(), nullptr, nullptr);
        for (size_t i = 0; i < tokens.size(); ++i) std::copy_n(&o[i * Q], Q, &got[tokens[i] * Q]);
      }
      ASSERT_EQ(describe("o", got, want, Q), "") << count << " threads";
    }
    // Backward: sequences alone and together, with several threads.
    const std::vector<float> d_o = random_floats(T * Q, 4);
    std::vector<float> dq(T * Q), dk(T * KV), dv(T * KV);
    reference::attention_backward(d_o.data(), want.data(), q.data(), k.data(), v.data(), m.data(),
                                  l.data(), whole, dims, dq.data(), dk.data(), dv.data());
    for (const int64_t together : {S, int64_t{1}}) {
      set_threads(static_cast<int>(1 + together));
      std::vector<float> got_q(T * Q), got_k(T * KV), got_v(T * KV);
      for (int64_t s = 0; s < S; s += together) {
        std::vector<int32_t> run_begin;
        for (int64_t i = s; i <= std::min(S, s + together); ++i)
          run_begin.push_back(begin[i] - begin[s]);
        const int64_t t = begin[s];
        attention_backward(
            &d_o[t * Q], &want[t * Q], &q[t * Q], &k[t * KV], &v[t * KV], &m[t * dims.N],
            &l[t * dims.N],
            {static_cast<int64_t>(run_begin.size()) - 1, run_begin.data(), nullptr, nullptr, 0},
            dims, &got_q[t * Q], &got_k[t * KV], &got_v[t * KV]);
      }
      ASSERT_EQ(describe("dq", got_q, dq, Q), "");
      ASSERT_EQ(describe("dk", got_k, dk, KV), "");
      ASSERT_EQ(describe("dv", got_v, dv, KV), "");
    }
  }
}

// A long context: the last token of 8,192 decoded alone gives the bits of one pass over the end of
// the sequence.
TEST_F(Property, AttentionLongContext) {
  const AttentionDims dims = {2, 1, 16, 0};
  const int64_t T = 8192, Q = dims.N * dims.H, KV = dims.KV * dims.H, pages = T / kPageTokens;
  const std::vector<float> q = random_floats(T * Q, 1), k = random_floats(T * KV, 2),
                           v = random_floats(T * KV, 3);
  std::vector<float> k_pages(pages * page_floats(dims)), v_pages = k_pages, o(T * Q), alone(Q);
  std::vector<int32_t> table(pages);
  for (int64_t i = 0; i < pages; ++i) table[i] = static_cast<int32_t>(i * 3 % pages);
  // In chunks, each with its own number of queries.
  for (int32_t begin = 0, size = 1000; begin < T; begin += size) {
    const int32_t run_begin[] = {0, static_cast<int32_t>(std::min<int64_t>(size, T - begin))};
    attention_forward(&q[begin * Q], &k[begin * KV], &v[begin * KV],
                      {1, run_begin, &begin, table.data(), pages}, dims, k_pages.data(),
                      v_pages.data(), &o[begin * Q], nullptr, nullptr);
  }
  const int32_t run_begin[] = {0, 1}, last = static_cast<int32_t>(T - 1);
  attention_forward(&q[last * Q], &k[last * KV], &v[last * KV],
                    {1, run_begin, &last, table.data(), pages}, dims, k_pages.data(),
                    v_pages.data(), alone.data(), nullptr, nullptr);
  EXPECT_EQ(describe("the last token", alone, {o.end() - Q, o.end()}, Q), "");
  // The definition in double for that token.
  std::vector<double> want(Q);
  for (int64_t n = 0; n < dims.N; ++n) {
    double sum = 0;
    for (int64_t j = 0; j < T; ++j) {
      double s = 0;
      for (int64_t h = 0; h < dims.H; ++h)
        s += static_cast<double>(q[last * Q + n * dims.H + h]) * k[j * KV + h];
      const double p = std::exp(s / 4.0);
      sum += p;
      for (int64_t h = 0; h < dims.H; ++h) want[n * dims.H + h] += p * v[j * KV + h];
    }
    for (int64_t h = 0; h < dims.H; ++h) want[n * dims.H + h] /= sum;
  }
  EXPECT_LT(sim_error(alone, want), sim_limit("float"));
}

}  // namespace
}  // namespace retort::kernels
