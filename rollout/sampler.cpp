#include "rollout/sampler.h"

#include "base/check.h"
#include "base/exact_math.h"
#include "kernels/head/head.h"
#include "kernels/head/head_result.h"
#include "kernels/parallel.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>

namespace retort {
namespace {

// Entries of the cumulative sum that are added before the running total.
constexpr int64_t kTile = 64;

// Ids of the kept set, ascending. `scaled` are logits / temperature.
std::vector<int32_t> kept_set(const float* scaled, int64_t V, const SamplingSettings& settings) {
  std::vector<int32_t> order(V);
  for (int64_t v = 0; v < V; ++v) order[v] = static_cast<int32_t>(v);
  const auto before = [&](int32_t a, int32_t b) {
    return scaled[a] != scaled[b] ? scaled[a] > scaled[b] : a < b;
  };
  int64_t count = settings.top_k > 0 ? std::min(settings.top_k, V) : V;
  std::partial_sort(order.begin(), order.begin() + count, order.end(), before);
  order.resize(count);
  if (settings.top_p < 1.0) {
    double total = 0;
    std::vector<double> mass(count);
    for (int64_t i = 0; i < count; ++i)
      total += mass[i] = exact::exp(static_cast<double>(scaled[order[i]]) - scaled[order[0]]);
    double reached = 0;
    int64_t keep = 0;
    while (keep < count && reached < settings.top_p * total) reached += mass[keep++];
    order.resize(std::max<int64_t>(keep, 1));
  }
  std::sort(order.begin(), order.end());
  return order;
}

// The id whose share of the cumulative distribution holds u * total. `probabilities` are those of
// the kept list (empty: of every id); sums are in double, tile by tile.
int32_t inverse_cdf(const std::vector<float>& probabilities, const std::vector<int32_t>& kept,
                    double u) {
  const auto count = static_cast<int64_t>(probabilities.size());
  std::vector<double> tiles;
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += kTile) {
    double tile = 0;
    for (int64_t i = begin; i < std::min(begin + kTile, count); ++i) tile += probabilities[i];
    tiles.push_back(tile);
    total += tile;
  }
  const double target = u * total;
  // The last tile that begins at or below the target; behind the end by rounding: the last of all.
  size_t chosen = 0;
  double before = 0;
  for (double begins = 0; chosen + 1 < tiles.size(); ++chosen) {
    begins += tiles[chosen];
    if (target < begins) break;
    before = begins;
  }
  // An id of probability 0 is never drawn: the last one that has some stands for what is behind it.
  const auto first = static_cast<int64_t>(chosen) * kTile;
  const int64_t last = std::min(first + kTile, count);
  double within = 0;
  int64_t drawn = -1;
  for (int64_t i = first; i < last; ++i) {
    within += probabilities[i];
    if (probabilities[i] <= 0) continue;
    drawn = i;
    if (target < before + within) break;
  }
  for (int64_t i = first - 1; drawn < 0; --i)
    if (probabilities[i] > 0) drawn = i;
  return kept.empty() ? static_cast<int32_t>(drawn) : kept[drawn];
}

SampledToken sample_row(float* logits, int64_t V, const PhiloxCounter& counter,
                        const SamplingSettings& settings) {
  SampledToken token;
  const bool greedy = settings.temperature == 0.0;
  const float temperature = greedy ? 1.0f : static_cast<float>(settings.temperature);
  if (!greedy && !settings.keeps_all()) {
    std::vector<float> scaled(V);
    kernels::head_row(logits, V, nullptr, 0, temperature, scaled.data());
    token.kept = kept_set(scaled.data(), V, settings);
  }
  const kernels::RowSoftmax row =
      kernels::head_row(logits, V, token.kept.empty() ? nullptr : token.kept.data(),
                        static_cast<int64_t>(token.kept.size()), temperature, logits);
  if (greedy) {
    token.id = static_cast<int32_t>(std::max_element(logits, logits + V) - logits);
  } else {
    thread_local std::vector<float> probabilities;
    probabilities.resize(token.kept.empty() ? static_cast<size_t>(V) : token.kept.size());
    kernels::head_probabilities(logits, V, token.kept.empty() ? nullptr : token.kept.data(),
                                static_cast<int64_t>(token.kept.size()), row, probabilities.data());
    const double u = uniform53(philox({settings.seed, settings.purpose, 0}, counter));
    token.id = inverse_cdf(probabilities, token.kept, u);
  }
  token.logprob = kernels::row_logprob(row, logits[token.id]);
  token.entropy = row.entropy;
  return token;
}

std::vector<SampledToken> sample_on_cpu(const at::Tensor& logits_RV,
                                        const std::vector<PhiloxCounter>& counters,
                                        const SamplingSettings& settings) {
  const at::Tensor logits = logits_RV.contiguous();
  auto* data = logits.data_ptr<float>();
  const int64_t R = logits.size(0), V = logits.size(1);
  std::vector<SampledToken> tokens(R);
  kernels::parallel_for(R, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      tokens[r] = sample_row(data + r * V, V, counters[r], settings);
  });
  return tokens;
}

// Everything kept and temperature > 0, or greedy: on the device. Sums run over the last dimension
// of each row alone.
std::vector<SampledToken> sample_on_gpu(const at::Tensor& logits_RV,
                                        const std::vector<PhiloxCounter>& counters,
                                        const SamplingSettings& settings) {
  const bool greedy = settings.temperature == 0.0;
  const at::Tensor scaled = greedy ? logits_RV : logits_RV.div(settings.temperature);
  const at::Tensor logp_RV = scaled.log_softmax(-1);
  const at::Tensor p_RV = logp_RV.exp();
  at::Tensor ids_R;
  if (greedy) {
    ids_R = std::get<1>(scaled.max(-1));
  } else {
    std::vector<double> u(counters.size());
    for (size_t r = 0; r < counters.size(); ++r)
      u[r] = uniform53(philox({settings.seed, settings.purpose, 0}, counters[r]));
    const at::Tensor u_R1 =
        at::from_blob(u.data(), {static_cast<int64_t>(u.size()), 1}, at::kDouble)
            .to(logits_RV.device());
    const at::Tensor cdf_RV = p_RV.to(at::kDouble).cumsum(-1);
    const at::Tensor target_R1 = u_R1.mul(cdf_RV.slice(1, cdf_RV.size(1) - 1));
    ids_R = cdf_RV.le(target_R1).sum(-1).clamp_max(logits_RV.size(1) - 1);
  }
  const at::Tensor logp_R = logp_RV.gather(1, ids_R.unsqueeze(1)).squeeze(1).cpu();
  const at::Tensor entropy_R = p_RV.mul(logp_RV).sum(-1).neg().cpu();
  const at::Tensor ids = ids_R.cpu();
  std::vector<SampledToken> tokens(counters.size());
  for (size_t r = 0; r < tokens.size(); ++r)
    tokens[r] = {static_cast<int32_t>(ids.data_ptr<int64_t>()[r]),
                 logp_R.data_ptr<float>()[r],
                 entropy_R.data_ptr<float>()[r],
                 {}};
  return tokens;
}

// Kept sets and ids are found on the CPU, the log-probabilities by the learner's expression on the
// device.
std::vector<SampledToken> sample_kept_on_gpu(const at::Tensor& logits_RV,
                                             const std::vector<PhiloxCounter>& counters,
                                             const SamplingSettings& settings) {
  std::vector<SampledToken> tokens = sample_on_cpu(logits_RV.cpu(), counters, settings);
  std::vector<int32_t> ids, kept;
  std::vector<int64_t> begin{0};
  for (const SampledToken& token : tokens) {
    ids.push_back(token.id);
    kept.insert(kept.end(), token.kept.begin(), token.kept.end());
    begin.push_back(static_cast<int64_t>(kept.size()));
  }
  const auto tensor = [](auto& values, at::ScalarType type) {
    return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, type);
  };
  const kernels::HeadResult result = kernels::logits_logprob(
      logits_RV, tensor(ids, at::kInt).to(logits_RV.device()), settings.temperature,
      tensor(kept, at::kInt), tensor(begin, at::kLong));
  const at::Tensor logp_R = result.logp_T.cpu(), entropy_R = result.entropy_T.cpu();
  for (size_t r = 0; r < tokens.size(); ++r) {
    tokens[r].logprob = logp_R.data_ptr<float>()[r];
    tokens[r].entropy = entropy_R.data_ptr<float>()[r];
  }
  return tokens;
}

}  // namespace

std::vector<SampledToken> sample_tokens(const at::Tensor& logits_RV,
                                        const std::vector<PhiloxCounter>& counters,
                                        const SamplingSettings& settings) {
  RT_CHECK_EQ(logits_RV.size(0), static_cast<int64_t>(counters.size()));
  if (logits_RV.is_cpu()) return sample_on_cpu(logits_RV, counters, settings);
  if (settings.temperature == 0.0 || settings.keeps_all())
    return sample_on_gpu(logits_RV, counters, settings);
  return sample_kept_on_gpu(logits_RV, counters, settings);
}

}  // namespace retort
