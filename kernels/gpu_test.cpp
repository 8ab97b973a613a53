// The operations on a GPU, bf16: against their plain definitions in double on the CPU, row
// invariance, and gradients that do not change from run to run.
#include "kernels/attention/attention_op.h"
#include "kernels/embedding/embedding.h"
#include "kernels/gemm/gemm_op.h"
#include "kernels/head/head_op.h"
#include "kernels/operation_test.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm_op.h"
#include "kernels/rotary/rotary_op.h"
#include "kernels/select_rows/select_rows.h"
#include "kernels/swiglu/swiglu_op.h"
#include "kernels/testing.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace retort::kernels {
namespace {

const at::Device kGpu(at::kCUDA, 0);

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "LibTorch sees no GPU";
    at::globalContext().setAllowBF16ReductionCuBLAS(/*reduced_precision=*/false, /*split_k=*/false);
    at::globalContext().setBlasPreferredBackend(at::BlasBackend::Cublaslt);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  }
};

at::Tensor gpu_tensor(at::IntArrayRef sizes, uint64_t seed) {
  return random_tensor(sizes, seed).to(kGpu, at::kBFloat16);
}
at::Tensor gpu_leaf(at::IntArrayRef sizes, uint64_t seed) {
  return gpu_tensor(sizes, seed).set_requires_grad(true);
}
// bf16 leaf on the GPU.
Parameter gpu_parameter(at::IntArrayRef sizes, uint64_t seed) {
  return {"parameter " + std::to_string(seed), gpu_leaf(sizes, seed), {}, {}};
}

std::vector<double> doubles_of(const at::Tensor& tensor) {
  const at::Tensor x = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  return {x.data_ptr<double>(), x.data_ptr<double>() + x.numel()};
}
std::vector<float> floats_of(const at::Tensor& tensor) {
  return values_of(tensor.detach().to(at::kCPU, at::kFloat));
}

using Tensors = std::vector<at::Tensor>;

// Sum of outputs times fixed random numbers, so that it runs on both devices alike.
void backward_of(const Tensors& outputs) {
  at::Tensor loss;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const at::Tensor weights = random_tensor(outputs[i].sizes(), 100 + i)
                                   .to(outputs[i].device(), outputs[i].scalar_type());
    const at::Tensor part = outputs[i].mul(weights).sum();
    loss = loss.defined() ? loss.add(part) : part;
  }
  loss.backward();
}

// `operation` on the GPU leaves and `plain` on the same values as doubles: outputs and gradients
// within the limit of bf16; a second run of the backward gives the same bits.
void expect_like_plain(const Tensors& leaves, const std::function<Tensors()>& operation,
                       const std::function<Tensors(const Tensors&)>& plain) {
  Tensors inputs;
  for (const at::Tensor& leaf : leaves) {
    inputs.push_back(leaf.detach().to(at::kCPU, at::kDouble).set_requires_grad(true));
  }
  std::vector<std::vector<float>> first;
  for (int run = 0; run < 2; ++run) {
    for (const at::Tensor& leaf : leaves) leaf.mutable_grad() = at::Tensor();
    const Tensors got = operation();
    backward_of(got);
    if (run == 1) {
      for (size_t i = 0; i < leaves.size(); ++i) {
        const BitComparison same = bitwise_equal(floats_of(leaves[i].grad()), first[i]);
        EXPECT_TRUE(same) << "gradient " << i << " of a second run: " << same.message;
      }
      continue;
    }
    for (const at::Tensor& leaf : leaves) first.push_back(floats_of(leaf.grad()));
    const Tensors want = plain(inputs);
    backward_of(want);
    const double limit = sim_limit("bfloat16");
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_LT(sim_error(doubles_of(got[i]), doubles_of(want[i])), limit) << "output " << i;
    }
    for (size_t i = 0; i < leaves.size(); ++i) {
      EXPECT_LT(sim_error(doubles_of(leaves[i].grad()), doubles_of(inputs[i].grad())), limit)
          << "gradient " << i;
    }
  }
}

// Rows of `function` alone and in parts of a batch have the bits of the whole batch.
void expect_row_invariant(const at::Tensor& rows,
                          const std::function<at::Tensor(const at::Tensor&)>& function) {
  const at::NoGradGuard no_grad;
  const std::vector<float> whole = floats_of(function(rows));
  const int64_t T = rows.size(0), width = static_cast<int64_t>(whole.size()) / T;
  for (const int64_t count : {1, 2, 7, 8, 32, 64, 65, 256}) {
    for (const int64_t first : {int64_t{0}, T / 3, T - count}) {
      const std::vector<float> part =
          floats_of(function(rows.narrow(0, first, count).contiguous()));
      const std::vector<float> want(whole.begin() + first * width,
                                    whole.begin() + (first + count) * width);
      const BitComparison same = bitwise_equal(part.data(), want.data(), {count, width});
      ASSERT_TRUE(same) << count << " rows from " << first << ": " << same.message;
    }
  }
}

TEST_F(Gpu, Linear) {
  const at::Tensor x = gpu_leaf({33, 64}, 1);
  const Parameter weight = gpu_parameter({48, 64}, 2), bias = gpu_parameter({48}, 3);
  expect_like_plain(
      {x, weight.value, bias.value}, [&] { return Tensors{linear(x, weight, &bias)}; },
      [](const Tensors& in) { return Tensors{linear_plain(in[0], in[1], in[2])}; });
  const int64_t shapes[][2] = {{576, 960}, {576, 576}, {576, 3072}, {1536, 576}};
  for (const auto& [K, N] : shapes) {
    SCOPED_TRACE(std::to_string(K) + " in, " + std::to_string(N) + " out");
    const Parameter matrix = gpu_parameter({N, K}, 4);
    expect_row_invariant(gpu_tensor({1000, K}, 5),
                         [&](const at::Tensor& rows) { return linear(rows, matrix, nullptr); });
  }
}

TEST_F(Gpu, RmsNorm) {
  const at::Tensor x = gpu_leaf({33, 4, 64}, 1);
  const Parameter weight = gpu_parameter({64}, 2);
  expect_like_plain(
      {x, weight.value}, [&] { return Tensors{rms_norm(x, weight, 1e-5)}; },
      [](const Tensors& in) { return Tensors{rms_norm_plain(in[0], in[1], 1e-5)}; });
  expect_row_invariant(gpu_tensor({1000, 4, 64}, 3),
                       [&](const at::Tensor& rows) { return rms_norm(rows, weight, 1e-5); });
  const Parameter wide = gpu_parameter({576}, 4);
  expect_row_invariant(gpu_tensor({1000, 576}, 3),
                       [&](const at::Tensor& rows) { return rms_norm(rows, wide, 1e-5); });
}

TEST_F(Gpu, RotarySwigluResidual) {
  const at::Tensor x = gpu_leaf({33, 3, 64}, 1);
  const at::Tensor cos = random_tensor({40, 32}, 2), sin = random_tensor({40, 32}, 3);
  const at::Tensor positions = int_tensor(random_ids(33, 40, 4));
  expect_like_plain(
      {x}, [&] { return Tensors{rotary(x, positions.to(kGpu), cos.to(kGpu), sin.to(kGpu))}; },
      [&](const Tensors& in) {
        return Tensors{rotary_plain(in[0], positions, cos.to(at::kDouble), sin.to(at::kDouble))};
      });
  const at::Tensor gate_up = gpu_leaf({33, 128}, 5);
  expect_like_plain(
      {gate_up}, [&] { return Tensors{swiglu(gate_up)}; },
      [](const Tensors& in) { return Tensors{swiglu_plain(in[0])}; });
  const at::Tensor a = gpu_leaf({33, 64}, 6), b = gpu_leaf({33, 64}, 7);
  expect_like_plain(
      {a, b}, [&] { return Tensors{residual_add(a, b)}; },
      [](const Tensors& in) { return Tensors{in[0].add(in[1])}; });
}

TEST_F(Gpu, EmbeddingAndSelectRows) {
  const Parameter weight = gpu_parameter({11, 64}, 1);
  const at::Tensor ids = int_tensor(random_ids(50, 11, 2)), rows = long_tensor({0, 3, 49});
  expect_like_plain(
      {weight.value}, [&] { return Tensors{embedding(ids.to(kGpu), weight)}; },
      [&](const Tensors& in) { return Tensors{in[0].index_select(0, ids)}; });
  const at::Tensor x = gpu_leaf({50, 64}, 3);
  expect_like_plain(
      {x}, [&] { return Tensors{select_rows(x, rows.to(kGpu))}; },
      [&](const Tensors& in) { return Tensors{in[0].index_select(0, rows)}; });
}

TEST_F(Gpu, Head) {
  constexpr int64_t T = 21, D = 64, V = 200;
  const at::Tensor hidden = gpu_leaf({T, D}, 1);
  const Parameter weight = gpu_parameter({V, D}, 2);
  const std::vector<int32_t> targets = random_ids(T, V, 3);
  at::Tensor mask = random_tensor({T, V}, 9).gt(0.2);
  std::vector<int32_t> ids;
  std::vector<int64_t> begin = {0};
  for (int64_t t = 0; t < T; ++t) {
    mask.data_ptr<bool>()[t * V + targets[t]] = true;
    for (int32_t v = 0; v < V; ++v) {
      if (mask.data_ptr<bool>()[t * V + v]) ids.push_back(v);
    }
    begin.push_back(static_cast<int64_t>(ids.size()));
  }
  for (const bool kept : {false, true}) {
    SCOPED_TRACE(kept ? "kept sets" : "whole vocabulary");
    expect_like_plain(
        {hidden, weight.value},
        [&] {
          const HeadResult result = head_logprob(hidden, weight, int_tensor(targets).to(kGpu), 1.5,
                                                 kept ? int_tensor(ids) : at::Tensor(),
                                                 kept ? long_tensor(begin) : at::Tensor());
          return Tensors{result.logp_T, result.entropy_T};
        },
        [&](const Tensors& in) {
          const HeadResult result =
              head_plain(in[0], in[1], int_tensor(targets), 1.5, kept ? mask : at::Tensor());
          return Tensors{result.logp_T, result.entropy_T};
        });
  }
  const Parameter large = gpu_parameter({49152, 576}, 4);
  const at::Tensor targets_T = int_tensor(random_ids(1000, 49152, 5)).to(kGpu);
  // A row carries its target in the last column of the list.
  expect_row_invariant(gpu_tensor({1000, 576}, 6), [&](const at::Tensor& rows) {
    return head_logprob(rows, large, targets_T.narrow(0, 0, 1).expand({rows.size(0)}).contiguous(),
                        1.0, {}, {})
        .logp_T;
  });
}

// Runs of one list over one cache; each sequence has its own pages, dealt backwards.
struct Sequences {
  AttentionDims dims;
  std::vector<int64_t> lengths;
  int64_t max_pages = 40;

  int64_t pages() const { return static_cast<int64_t>(lengths.size()) * max_pages; }
  // Tokens [done[s], done[s] + count[s]) of every sequence with a count.
  RunTensors runs(const std::vector<int64_t>& done, const std::vector<int64_t>& count) const {
    std::vector<int32_t> begin = {0}, first, table;
    RunTensors runs;
    runs.whole_sequences = true;
    for (size_t s = 0; s < lengths.size(); ++s) {
      if (count[s] == 0) continue;
      begin.push_back(begin.back() + static_cast<int32_t>(count[s]));
      first.push_back(static_cast<int32_t>(done[s]));
      runs.whole_sequences = runs.whole_sequences && done[s] == 0;
      for (int64_t i = 0; i < max_pages; ++i) {
        table.push_back(
            static_cast<int32_t>(pages() - 1 - (static_cast<int64_t>(s) * max_pages + i)));
      }
    }
    runs.run_begin = int_tensor(begin);
    runs.first_position = int_tensor(first);
    runs.page_table = int_tensor(table).view({static_cast<int64_t>(first.size()), max_pages});
    finish_run_tensors(runs, gpu_tensor({1}, 1));
    return runs;
  }
};

// A sampler that has the logits gets the bits of the learner's head, whole vocabulary or kept sets.
TEST_F(Gpu, LogProbabilitiesFromLogitsAreTheHeads) {
  constexpr int64_t T = 37, D = 64, V = 311;
  const at::Tensor hidden = gpu_tensor({T, D}, 41);
  const Parameter weight = gpu_parameter({V, D}, 42);
  std::vector<int32_t> ids, kept;
  std::vector<int64_t> begin{0};
  for (int32_t t = 0; t < T; ++t) {
    for (int32_t v = t % 5; v < V; v += 1 + t % 7) kept.push_back(v);
    begin.push_back(static_cast<int64_t>(kept.size()));
    ids.push_back(kept[static_cast<size_t>(begin[static_cast<size_t>(t)]) + 3]);
  }
  const at::Tensor targets = at::from_blob(ids.data(), {T}, at::kInt).to(kGpu);
  const at::Tensor kept_ids =
      at::from_blob(kept.data(), {static_cast<int64_t>(kept.size())}, at::kInt);
  const at::Tensor kept_begin = at::from_blob(begin.data(), {T + 1}, at::kLong);
  const at::NoGradGuard no_grad;
  const at::Tensor logits = head_logits(hidden, weight);
  for (const bool all : {true, false}) {
    const at::Tensor some_ids = all ? at::Tensor() : kept_ids;
    const at::Tensor some_begin = all ? at::Tensor() : kept_begin;
    const HeadResult head = head_logprob(hidden, weight, targets, 0.8, some_ids, some_begin);
    const HeadResult rows = logits_logprob(logits, targets, 0.8, some_ids, some_begin);
    EXPECT_EQ(floats_of(head.logp_T), floats_of(rows.logp_T)) << all;
    EXPECT_EQ(floats_of(head.entropy_T), floats_of(rows.entropy_T)) << all;
  }
}

TEST_F(Gpu, AttentionGradients) {
  const Sequences sequences = {{6, 2, 64, 0}, {600, 1, 17, 130}};
  const AttentionDims& dims = sequences.dims;
  const RunTensors runs = sequences.runs({0, 0, 0, 0}, sequences.lengths);
  constexpr int64_t T = 748;
  const at::Tensor q = gpu_leaf({T, dims.N, dims.H}, 1), k = gpu_leaf({T, dims.KV, dims.H}, 2),
                   v = gpu_leaf({T, dims.KV, dims.H}, 3);
  LayerPages cache = make_layer_pages(dims, sequences.pages(), q);
  AttentionDims scaled = dims;
  scaled.scale = attention_scale(dims);
  expect_like_plain(
      {q, k, v}, [&] { return Tensors{attention(q, k, v, runs, dims, cache)}; },
      [&](const Tensors& in) {
        return Tensors{attention_plain(in[0], in[1], in[2], runs, scaled)};
      });
}

// Whole sequences through the learner's path, the same in chunks and token by token through the
// cache: one bit pattern.
TEST_F(Gpu, AttentionPrefillDecodeAndChunksAgree) {
  const at::NoGradGuard no_grad;
  const Sequences sequences = {{9, 3, 64, 0}, {600, 3, 64, 131}};
  const AttentionDims& dims = sequences.dims;
  const int64_t S = static_cast<int64_t>(sequences.lengths.size());
  std::vector<int64_t> begin = {0};
  for (const int64_t length : sequences.lengths) begin.push_back(begin.back() + length);
  const int64_t T = begin.back();
  const at::Tensor q = gpu_tensor({T, dims.N, dims.H}, 1), k = gpu_tensor({T, dims.KV, dims.H}, 2),
                   v = gpu_tensor({T, dims.KV, dims.H}, 3);
  LayerPages cache = make_layer_pages(dims, sequences.pages(), q);
  const std::vector<int64_t> none(S, 0);
  const std::vector<float> want =
      floats_of(attention(q, k, v, sequences.runs(none, sequences.lengths), dims, cache));
  const int64_t width = dims.N * dims.H;
  for (const int64_t size : {1, 100, 64, 7}) {
    LayerPages pages = make_layer_pages(dims, sequences.pages(), q);
    std::vector<int64_t> done(S, 0);
    std::vector<float> got(want.size());
    for (;;) {
      std::vector<int64_t> count(S), tokens;
      for (int64_t s = 0; s < S; ++s) {
        count[s] = std::min(size, sequences.lengths[s] - done[s]);
        for (int64_t i = 0; i < count[s]; ++i) tokens.push_back(begin[s] + done[s] + i);
      }
      if (tokens.empty()) break;
      const at::Tensor at_rows = long_tensor(tokens).to(kGpu);
      const std::vector<float> o = floats_of(
          attention(q.index_select(0, at_rows), k.index_select(0, at_rows),
                    v.index_select(0, at_rows), sequences.runs(done, count), dims, pages));
      for (size_t i = 0; i < tokens.size(); ++i) {
        std::copy_n(&o[i * width], width, &got[tokens[i] * width]);
      }
      for (int64_t s = 0; s < S; ++s) done[s] += count[s];
    }
    const BitComparison same = bitwise_equal(got.data(), want.data(), {T, width});
    EXPECT_TRUE(same) << "chunks of " << size << ": " << same.message;
  }
}

}  // namespace
}  // namespace retort::kernels
