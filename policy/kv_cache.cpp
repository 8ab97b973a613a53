#include "policy/kv_cache.h"

#include <ATen/ops/from_blob.h>

namespace retort {
namespace {

kernels::AttentionDims dims_of(const ModelConfig& config) {
  return {config.heads, config.kv_heads, config.head_dim, 0.0f};
}

}  // namespace

KvCache make_kv_cache(const Weights& weights, int64_t pages) {
  KvCache cache;
  cache.pages = pages;
  for (size_t l = 0; l < weights.layers.size(); ++l)
    cache.layers.push_back(
        kernels::make_layer_pages(dims_of(weights.config), pages, weights.embedding.value));
  return cache;
}

int64_t kv_page_bytes(const Weights& weights) {
  const int64_t element = static_cast<int64_t>(weights.embedding.value.element_size());
  return 2 * kernels::page_floats(dims_of(weights.config)) * element *
         static_cast<int64_t>(weights.layers.size());
}

void KvCache::copy_pages(const std::vector<std::pair<int32_t, int32_t>>& from_to) {
  if (from_to.empty()) return;
  std::vector<int64_t> from, to;
  for (const auto& [source, target] : from_to) {
    from.push_back(source);
    to.push_back(target);
  }
  const auto index = [&](std::vector<int64_t>& values) {
    return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kLong)
        .to(layers.front().k.device());
  };
  const at::Tensor source = index(from).clone(), target = index(to).clone();
  for (kernels::LayerPages& layer : layers)
    for (at::Tensor* part : {&layer.k, &layer.v}) {
      at::Tensor by_page = part->view({pages, -1});
      by_page.index_copy_(0, target, by_page.index_select(0, source));
    }
}

}  // namespace retort
