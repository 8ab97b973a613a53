#include "base/check.h"
#include "kernels/attention/attention_op.h"
#include "kernels/operation_test.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

namespace retort::kernels {
namespace {

// Whole sequences of the given lengths with pages of their own.
RunTensors runs_of_lengths(const std::vector<int64_t>& lengths, int64_t* pages) {
  int64_t max_pages = 1;
  for (const int64_t length : lengths)
    max_pages = std::max(max_pages, (length + kPageTokens - 1) / kPageTokens);
  std::vector<int32_t> begin = {0}, table;
  *pages = 0;
  for (const int64_t length : lengths) {
    begin.push_back(begin.back() + static_cast<int32_t>(length));
    for (int64_t i = 0; i < max_pages; ++i) table.push_back(static_cast<int32_t>((*pages)++));
  }
  RunTensors runs;
  runs.run_begin = int_tensor(begin);
  runs.first_position = int_tensor(std::vector<int32_t>(lengths.size(), 0));
  runs.page_table = int_tensor(table).view({static_cast<int64_t>(lengths.size()), max_pages});
  runs.whole_sequences = true;
  return runs;
}

void expect_gradients(const AttentionDims& dims, const std::vector<int64_t>& lengths) {
  int64_t pages = 0, T = 0;
  for (const int64_t length : lengths) T += length;
  const RunTensors runs = runs_of_lengths(lengths, &pages);
  const at::Tensor q = random_leaf({T, dims.N, dims.H}, 1),
                   k = random_leaf({T, dims.KV, dims.H}, 2),
                   v = random_leaf({T, dims.KV, dims.H}, 3);
  LayerPages cache = make_layer_pages(dims, pages, q);
  AttentionDims scaled = dims;
  scaled.scale = attention_scale(dims);
  expect_like_plain({{q, k, v},
                     {},
                     [&] { return std::vector<at::Tensor>{attention(q, k, v, runs, dims, cache)}; },
                     [&](const auto& in, const auto&) {
                       return std::vector<at::Tensor>{
                           attention_plain(in[0], in[1], in[2], runs, scaled)};
                     }});
}

TEST(Attention, GroupedHeads) { expect_gradients({4, 2, 32, 0}, {40, 1, 17}); }
TEST(Attention, OneKeyValueHead) { expect_gradients({3, 1, 64, 0}, {50}); }
TEST(Attention, EqualHeadsOfOddSize) { expect_gradients({2, 2, 10, 0}, {16, 33}); }
TEST(Attention, GivenScale) { expect_gradients({2, 1, 16, 0.1f}, {20}); }
TEST(Attention, ManyTokens) { expect_gradients({2, 1, 16, 0}, {300}); }

TEST(Attention, DefaultScale) {
  EXPECT_EQ(attention_scale({1, 1, 64, 0}), 0.125f);
  EXPECT_EQ(attention_scale({1, 1, 64, 0.5f}), 0.5f);
}

// A chunk that does not begin its sequence has no backward: said when the graph is made.
TEST(Attention, ABackwardAsksForWholeSequences) {
  int64_t pages = 0;
  RunTensors runs = runs_of_lengths({5}, &pages);
  runs.whole_sequences = false;
  const AttentionDims dims = {1, 1, 16, 0};
  LayerPages cache = make_layer_pages(dims, pages, random_tensor({1}, 1));
  const at::Tensor k = random_tensor({5, 1, 16}, 2);
  EXPECT_NO_THROW(attention(random_tensor({5, 1, 16}, 1), k, k, runs, dims, cache));
  EXPECT_THROW(attention(random_leaf({5, 1, 16}, 1), k, k, runs, dims, cache), InternalError);
}

TEST(Attention, APageBeyondTheCacheIsOurBug) {
  int64_t pages = 0;
  const RunTensors runs = runs_of_lengths({20}, &pages);
  const AttentionDims dims = {1, 1, 16, 0};
  LayerPages cache = make_layer_pages(dims, pages - 1, random_tensor({1}, 1));
  const at::Tensor x = random_tensor({20, 1, 16}, 2);
  EXPECT_THROW(attention(x, x, x, runs, dims, cache), InternalError);
}

}  // namespace
}  // namespace retort::kernels
