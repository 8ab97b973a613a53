// T tokens, N query heads, KV key/value heads, H head dim, S runs, J keys of all runs.
#include "kernels/attention/attention_op.h"

#include "kernels/dims.h"
#include "kernels/graph_op.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace retort::kernels {
namespace {

AttentionRuns runs_of(const RunTensors& runs) {
  const auto [S, max_pages] = dims<2>(runs.page_table, "page_table");
  RT_CHECK_EQ(runs.run_begin.numel(), S + 1);
  RT_CHECK_EQ(runs.first_position.numel(), S);
  return {S, elements<int32_t>(runs.run_begin, "run_begin"),
          elements<int32_t>(runs.first_position, "first_position"),
          elements<int32_t>(runs.page_table, "page_table"), max_pages};
}

// Every page that a run reads exists.
void check_pages(const AttentionRuns& runs, int64_t T, int64_t pages) {
  RT_CHECK(runs.run_begin[0] == 0 && runs.run_begin[runs.runs] == T)
      << "runs do not cover the tokens";
  for (int64_t s = 0; s < runs.runs; ++s) {
    const int64_t tokens = runs.run_begin[s + 1] - runs.run_begin[s];
    const int64_t keys = runs.first_position[s] + tokens;
    RT_CHECK(tokens > 0 && runs.first_position[s] >= 0) << "run " << s;
    const int64_t needed = (keys + kPageTokens - 1) / kPageTokens;
    RT_CHECK_LE(needed, runs.max_pages) << "pages of run " << s;
    for (int64_t j = 0; j < needed; ++j) {
      const int32_t page = runs.page_table[s * runs.max_pages + j];
      RT_CHECK(page >= 0 && page < pages) << "page " << page << " of " << pages;
    }
  }
}

at::Tensor attention_cpu(const at::Tensor& q_TNH, const at::Tensor& k_TKH, const at::Tensor& v_TKH,
                         const RunTensors& runs, const AttentionDims& dims_,
                         const LayerPages& pages) {
  const auto [T, N, H] = dims<3>(q_TNH, "q");
  const AttentionRuns lists = runs_of(runs);
  const auto [page_count, floats] = dims<2>(pages.k, "k pages");
  RT_CHECK_EQ(floats, page_floats(dims_));
  check_pages(lists, T, page_count);
  const bool train = needs_graph({q_TNH, k_TKH, v_TKH});
  RT_CHECK(!train || runs.whole_sequences) << "attention's backward asks for whole sequences";
  const at::Tensor o_TNH = empty_floats(q_TNH, {T, N, H});
  at::Tensor m_TN, l_TN;
  if (train) {
    m_TN = empty_floats(q_TNH, {T, N});
    l_TN = empty_floats(q_TNH, {T, N});
  }
  attention_forward(elements(q_TNH, "q"), elements(k_TKH, "k"), elements(v_TKH, "v"), lists, dims_,
                    elements(pages.k, "k pages"), elements(pages.v, "v pages"),
                    elements(o_TNH, "o"), train ? elements(m_TN, "m") : nullptr,
                    train ? elements(l_TN, "l") : nullptr);
  join_graph(
      {o_TNH}, {q_TNH, k_TKH, v_TKH},
      [=, o = o_TNH.detach()](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
        const at::Tensor do_TNH = grads[0].contiguous();
        const at::Tensor dq_TNH = empty_floats(q_TNH, q_TNH.sizes());
        const at::Tensor dk_TKH = empty_floats(k_TKH, k_TKH.sizes());
        const at::Tensor dv_TKH = empty_floats(v_TKH, v_TKH.sizes());
        attention_backward(elements(do_TNH, "do"), elements(o, "o"), elements(q_TNH, "q"),
                           elements(k_TKH, "k"), elements(v_TKH, "v"), elements(m_TN, "m"),
                           elements(l_TN, "l"), runs_of(runs), dims_, elements(dq_TNH, "dq"),
                           elements(dk_TKH, "dk"), elements(dv_TKH, "dv"));
        return {dq_TNH, dk_TKH, dv_TKH};
      });
  return o_TNH;
}

// [J, KV, H] -> [1, J, N, H]: query head n reads key/value head n / (N / KV).
at::Tensor repeat_heads(const at::Tensor& x_JKH, int64_t N) {
  const auto [J, KV, H] = dims<3>(x_JKH, "keys");
  return x_JKH.unsqueeze(2).expand({J, KV, N / KV, H}).reshape({1, J, N, H});
}
// Its transpose: [1, J, N, H] -> [J, KV, H], the sum over the query heads of a group.
at::Tensor sum_heads(const at::Tensor& x_1JNH, int64_t KV) {
  const auto [one, J, N, H] = dims<4>(x_1JNH, "gradient of keys");
  return x_1JNH.view({J, KV, N / KV, H}).sum(2);
}

// LibTorch's memory-efficient attention adds gradients with atomics unless deterministic algorithms
// are demanded.
class DeterministicScope {
 public:
  DeterministicScope() {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }
  ~DeterministicScope() { at::globalContext().setDeterministicAlgorithms(demanded_, warn_only_); }
  DeterministicScope(const DeterministicScope&) = delete;
  DeterministicScope& operator=(const DeterministicScope&) = delete;

 private:
  const bool demanded_ = at::globalContext().deterministicAlgorithms();
  const bool warn_only_ = at::globalContext().deterministicAlgorithmsWarnOnly();
};

// Memory-efficient attention with a ragged list; `causal from the bottom right` lets the last query
// of a run see all of its keys.
at::Tensor attention_gpu(const at::Tensor& q_TNH, const at::Tensor& k_TKH, const at::Tensor& v_TKH,
                         const RunTensors& runs, const AttentionDims& dims_, LayerPages& pages) {
  constexpr int64_t kCausalFromBottomRight = 2;
  constexpr double kNoDropout = 0.0;
  const bool train = needs_graph({q_TNH, k_TKH, v_TKH});
  RT_CHECK(!train || runs.whole_sequences) << "attention's backward asks for whole sequences";
  const auto scale = static_cast<double>(dims_.scale);
  const at::NoGradGuard no_grad;
  if (pages.k.defined()) {
    pages.k.index_copy_(0, runs.slots_T, k_TKH);
    pages.v.index_copy_(0, runs.slots_T, v_TKH);
  }
  // Keys of whole sequences are the list's own, the same bits as in their pages.
  const bool own = runs.whole_sequences;
  const at::Tensor k_1JNH =
      repeat_heads(own ? k_TKH : pages.k.index_select(0, runs.key_slots_J), dims_.N);
  const at::Tensor v_1JNH =
      repeat_heads(own ? v_TKH : pages.v.index_select(0, runs.key_slots_J), dims_.N);
  const at::Tensor q_1TNH = q_TNH.detach().unsqueeze(0);
  const auto [o_1TNH, log_sum, seed, offset, max_query, max_key] = at::_efficient_attention_forward(
      q_1TNH, k_1JNH, v_1JNH, std::nullopt, runs.query_begin, runs.key_begin, runs.max_query,
      runs.max_key, kNoDropout, kCausalFromBottomRight, /*compute_log_sumexp=*/train, scale);
  const at::Tensor o_TNH = o_1TNH.squeeze(0);
  if (!train) return o_TNH;
  const at::AutoGradMode grad_mode(true);
  join_graph({o_TNH}, {q_TNH, k_TKH, v_TKH},
             [=, o = o_1TNH.detach(), log_sum = log_sum, seed = seed,
              offset = offset](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               const DeterministicScope deterministic;
               const auto [dq, dk, dv, dbias] = at::_efficient_attention_backward(
                   grads[0].contiguous().unsqueeze(0), q_1TNH, k_1JNH, v_1JNH, std::nullopt, o,
                   runs.query_begin, runs.key_begin, runs.max_query, runs.max_key, log_sum,
                   kNoDropout, seed, offset, kCausalFromBottomRight, /*bias_requires_grad=*/false,
                   scale);
               return {dq.squeeze(0), sum_heads(dk, dims_.KV), sum_heads(dv, dims_.KV)};
             });
  return o_TNH;
}

}  // namespace

LayerPages make_layer_pages(const AttentionDims& dims_, int64_t pages, const at::Tensor& like) {
  // Zeros: lanes of a page that no token wrote yet are computed with and thrown away; they cost
  // nothing and mean nothing, but a slow or trapping bit pattern could.
  if (like.is_cpu()) {
    const std::array<int64_t, 2> sizes = {pages, page_floats(dims_)};
    const at::TensorOptions options = like.options().dtype(at::kFloat).requires_grad(false);
    return {like.new_zeros(sizes, options), like.new_zeros(sizes, options)};
  }
  const std::array<int64_t, 3> sizes = {pages * kPageTokens, dims_.KV, dims_.H};
  const at::TensorOptions options = like.options().requires_grad(false);
  return {like.new_zeros(sizes, options), like.new_zeros(sizes, options)};
}

void finish_run_tensors(RunTensors& runs, const at::Tensor& device_like) {
  if (device_like.is_cpu()) return;
  const AttentionRuns lists = runs_of(runs);
  std::vector<int64_t> slots, key_slots;
  std::vector<int32_t> query_begin = {0}, key_begin = {0};
  runs.max_query = runs.max_key = 0;
  for (int64_t s = 0; s < lists.runs; ++s) {
    const int64_t tokens = lists.run_begin[s + 1] - lists.run_begin[s];
    const int64_t keys = lists.first_position[s] + tokens;
    const int32_t* pages = lists.page_table + s * lists.max_pages;
    for (int64_t position = 0; position < keys; ++position) {
      const int64_t slot = pages[position / kPageTokens] * kPageTokens + position % kPageTokens;
      key_slots.push_back(slot);
      if (position >= lists.first_position[s]) slots.push_back(slot);
    }
    query_begin.push_back(static_cast<int32_t>(slots.size()));
    key_begin.push_back(static_cast<int32_t>(key_slots.size()));
    runs.max_query = std::max(runs.max_query, tokens);
    runs.max_key = std::max(runs.max_key, keys);
  }
  const auto to_device = [&](auto& values, at::ScalarType type) {
    const auto count = static_cast<int64_t>(values.size());
    const at::Tensor host = runs.run_begin.new_empty({count}, runs.run_begin.options().dtype(type));
    std::copy(values.begin(), values.end(),
              elements<typename std::decay_t<decltype(values)>::value_type>(host, "list"));
    return host.to(device_like.device());
  };
  runs.slots_T = to_device(slots, at::kLong);
  runs.key_slots_J = to_device(key_slots, at::kLong);
  runs.query_begin = to_device(query_begin, at::kInt);
  runs.key_begin = to_device(key_begin, at::kInt);
}

at::Tensor attention_plain(const at::Tensor& q_TNH, const at::Tensor& k_TKH,
                           const at::Tensor& v_TKH, const RunTensors& runs,
                           const AttentionDims& dims_) {
  RT_CHECK(runs.whole_sequences) << "the plain definition takes whole sequences";
  const AttentionRuns lists = runs_of(runs);
  const at::Tensor o_TNH = q_TNH.new_empty(q_TNH.sizes());
  for (int64_t s = 0; s < lists.runs; ++s) {
    const int64_t begin = lists.run_begin[s];
    const int64_t L = lists.run_begin[s + 1] - begin;
    const auto heads_first = [&](const at::Tensor& x) {  // [N, L, H]
      const at::Tensor rows = x.narrow(0, begin, L);
      return rows.size(1) == dims_.N ? rows.transpose(0, 1)
                                     : repeat_heads(rows, dims_.N)[0].transpose(0, 1);
    };
    const at::Tensor scores =
        heads_first(q_TNH).matmul(heads_first(k_TKH).transpose(1, 2)).mul(dims_.scale);
    const at::Tensor unseen =
        q_TNH.new_ones({L, L}, q_TNH.options().dtype(at::kBool).requires_grad(false)).triu(1);
    const at::Tensor p =
        scores.masked_fill(unseen, -std::numeric_limits<double>::infinity()).softmax(2);
    o_TNH.narrow(0, begin, L).copy_(p.matmul(heads_first(v_TKH)).transpose(0, 1));
  }
  return o_TNH;
}

at::Tensor attention(const at::Tensor& q_TNH, const at::Tensor& k_TKH, const at::Tensor& v_TKH,
                     const RunTensors& runs, const AttentionDims& dims_in, LayerPages& pages) {
  const auto [T, N, H] = dims<3>(q_TNH, "q");
  const auto [T_keys, KV, H_keys] = dims<3>(k_TKH, "k");
  RT_CHECK(k_TKH.sizes() == v_TKH.sizes()) << "k and v differ in shape";
  RT_CHECK(T == T_keys && H == H_keys && N == dims_in.N && KV == dims_in.KV && H == dims_in.H)
      << "q [" << T << ", " << N << ", " << H << "], k [" << T_keys << ", " << KV << ", " << H_keys
      << "]";
  RT_CHECK(KV > 0 && N % KV == 0) << N << " query heads, " << KV << " key/value heads";
  RT_CHECK_LE(H, kMaxHeadDim);
  AttentionDims dims_ = dims_in;
  dims_.scale = attention_scale(dims_in);
  if (!q_TNH.is_cpu()) return attention_gpu(q_TNH, k_TKH, v_TKH, runs, dims_, pages);
  return attention_cpu(q_TNH, k_TKH, v_TKH, runs, dims_, pages);
}

}  // namespace retort::kernels
