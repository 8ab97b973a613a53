#pragma once
// KvCache: the pages of every layer. A page holds kPageTokens positions of one sequence; which
// sequence owns which page is the caller's affair (rollout/block_pool.h, or one after the other in
// training).
#include "kernels/attention/attention_op.h"
#include "policy/weights.h"

#include <utility>
#include <vector>

namespace retort {

struct KvCache {
  std::vector<kernels::LayerPages> layers;
  int64_t pages = 0;

  // Copies whole pages (from, to) in every layer; sources and targets are disjoint.
  void copy_pages(const std::vector<std::pair<int32_t, int32_t>>& from_to);
};

KvCache make_kv_cache(const Weights& weights, int64_t pages);
// Bytes of one page over all layers.
int64_t kv_page_bytes(const Weights& weights);

}  // namespace retort
