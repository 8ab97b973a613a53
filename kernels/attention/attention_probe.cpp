#include "kernels/attention/attention.h"
#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/testing.h"

#include <algorithm>

namespace retort::kernels {
namespace {

// Three sequences, one longer than a block of queries, none a multiple of a page. H: no multiple
// of 16.
const std::vector<int32_t> kRunBegin = {0, 5, 74, 107};
constexpr int64_t S = 3, T = 107, N = 6, KV = 2, H = 24;
constexpr AttentionDims kDims = {N, KV, H, 0};
// Pages of all sequences: more than needed, dealt in a shuffled order.
constexpr int64_t kPages = 24, kMaxPages = 8;

struct Inputs {
  std::vector<float> q = random_floats(T * N * H, 1);
  std::vector<float> k = random_floats(T * KV * H, 2);
  std::vector<float> v = random_floats(T * KV * H, 3);

  AttentionRuns whole() const { return {S, kRunBegin.data(), nullptr, nullptr, 0}; }
};

// A cache whose pages are dealt in the order of `stride`, coprime with kPages, with garbage in
// every place that no token writes: not-a-number must not reach an output.
struct Cache {
  std::vector<float> k = std::vector<float>(kPages * page_floats(kDims), __builtin_nanf(""));
  std::vector<float> v = k;
  std::vector<int32_t> table = std::vector<int32_t>(S * kMaxPages);

  explicit Cache(int64_t stride) {
    for (int64_t i = 0; i < S * kMaxPages; ++i)
      table[i] = static_cast<int32_t>(i * stride % kPages);
  }
};

// Attends the tokens of each sequence in pieces of `size`; out is [T, N * H].
void attend_in_pieces(const Inputs& in, Cache& cache, int64_t size, float* out) {
  for (int64_t begin = 0; begin < T; begin += size) {
    // The sequences' tokens [begin, begin + size) as one list.
    std::vector<int32_t> run_begin = {0}, first, table, tokens;
    for (int64_t s = 0; s < S; ++s) {
      const int64_t length = kRunBegin[s + 1] - kRunBegin[s];
      const int64_t count = std::min(size, length - begin);
      if (count <= 0) continue;
      for (int64_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<int32_t>(kRunBegin[s] + begin + i));
      run_begin.push_back(static_cast<int32_t>(tokens.size()));
      first.push_back(static_cast<int32_t>(begin));
      table.insert(table.end(), cache.table.begin() + s * kMaxPages,
                   cache.table.begin() + (s + 1) * kMaxPages);
    }
    if (tokens.empty()) break;
    const auto gather = [&](const std::vector<float>& from, int64_t width) {
      std::vector<float> rows;
      for (const int32_t t : tokens)
        rows.insert(rows.end(), from.begin() + t * width, from.begin() + (t + 1) * width);
      return rows;
    };
    const std::vector<float> q = gather(in.q, N * H), k = gather(in.k, KV * H),
                             v = gather(in.v, KV * H);
    std::vector<float> o(q.size());
    const AttentionRuns runs = {static_cast<int64_t>(first.size()), run_begin.data(), first.data(),
                                table.data(), kMaxPages};
    attention_forward(q.data(), k.data(), v.data(), runs, kDims, cache.k.data(), cache.v.data(),
                      o.data(), nullptr, nullptr);
    for (size_t i = 0; i < tokens.size(); ++i)
      std::copy_n(o.data() + i * N * H, N * H, out + tokens[i] * N * H);
  }
}

}  // namespace

std::string probe_attention_forward() {
  const Inputs in;
  std::vector<float> want(T * N * H), m(T * N), l(T * N);
  reference::attention_forward(in.q.data(), in.k.data(), in.v.data(), in.whole(), kDims,
                               want.data(), m.data(), l.data());
  // Prefill, decode and chunks of several sizes, in two page layouts.
  for (const int64_t size : {T, int64_t{1}, int64_t{7}, int64_t{33}, int64_t{64}}) {
    for (const int64_t stride : {1, 7}) {
      const std::string message = probe_rows({1, T * N * H,
                                              [&](int64_t, int64_t, float* out) {
                                                Cache cache(stride);
                                                attend_in_pieces(in, cache, size, out);
                                              },
                                              want});
      if (!message.empty()) return "chunks of " + std::to_string(size) + " tokens, " + message;
    }
  }
  return "";
}

std::string probe_attention_backward() {
  const Inputs in;
  const std::vector<float> d_o = random_floats(T * N * H, 4);
  std::vector<float> o(T * N * H), m(T * N), l(T * N), want(T * (N + 2 * KV) * H);
  reference::attention_forward(in.q.data(), in.k.data(), in.v.data(), in.whole(), kDims, o.data(),
                               m.data(), l.data());
  float* dq = want.data();
  float* dk = dq + T * N * H;
  float* dv = dk + T * KV * H;
  reference::attention_backward(d_o.data(), o.data(), in.q.data(), in.k.data(), in.v.data(),
                                m.data(), l.data(), in.whole(), kDims, dq, dk, dv);
  return probe_rows({1, static_cast<int64_t>(want.size()),
                     [&](int64_t, int64_t, float* out) {
                       attention_backward(d_o.data(), o.data(), in.q.data(), in.k.data(),
                                          in.v.data(), m.data(), l.data(), in.whole(), kDims, out,
                                          out + T * N * H, out + T * (N + KV) * H);
                     },
                     want});
}

}  // namespace retort::kernels
