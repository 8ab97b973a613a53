// T rows, D model dim, V vocabulary.
#include "kernels/head/head_op.h"

#include "kernels/dims.h"
#include "kernels/gemm/gemm.h"
#include "kernels/graph_op.h"
#include "kernels/parameter.h"

#include <ATen/OpMathType.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

namespace retort::kernels {
namespace {

// Checked views of what the CPU kernels read.
struct Arguments {
  const int32_t* targets;
  KeptSets kept;
};

Arguments check_arguments(const at::Tensor& targets_T, const at::Tensor& kept_ids,
                          const at::Tensor& kept_begin, int64_t T, int64_t V) {
  RT_CHECK_EQ(targets_T.numel(), T) << "targets";
  Arguments arguments = {elements<int32_t>(targets_T, "targets"), {}};
  const int32_t* targets = arguments.targets;
  for (int64_t t = 0; t < T; ++t)
    RT_CHECK(targets[t] >= 0 && targets[t] < V) << "target " << targets[t] << " of " << V;
  if (!kept_ids.defined()) return arguments;
  RT_CHECK_EQ(kept_begin.numel(), T + 1) << "kept_begin";
  const int32_t* ids = elements<int32_t>(kept_ids, "kept_ids");
  const int64_t* begin = elements<int64_t>(kept_begin, "kept_begin");
  for (int64_t t = 0; t < T; ++t) {
    RT_CHECK(begin[t] >= 0 && begin[t] < begin[t + 1] && begin[t + 1] <= kept_ids.numel())
        << "kept set of row " << t;
    RT_CHECK(ids[begin[t]] >= 0 && ids[begin[t + 1] - 1] < V) << "kept set of row " << t;
    RT_CHECK(std::adjacent_find(ids + begin[t], ids + begin[t + 1], std::greater_equal<>()) ==
             ids + begin[t + 1])
        << "kept set of row " << t << " is not ascending";
    RT_CHECK(std::binary_search(ids + begin[t], ids + begin[t + 1], targets[t]))
        << "target " << targets[t] << " of row " << t << " is not in its kept set";
  }
  // An empty list is no list to the kernel.
  if (T > 0) arguments.kept = {ids, begin};
  return arguments;
}

HeadResult cpu_head(const at::Tensor& hidden_TD, const Parameter& weight_VD,
                    const at::Tensor& targets_T, float temperature, const at::Tensor& kept_ids,
                    const at::Tensor& kept_begin) {
  const auto [T, D] = dims<2>(hidden_TD, "hidden");
  const auto [V, D_weight] = dims<2>(weight_VD.value, weight_VD.name.c_str());
  RT_CHECK_EQ(D, D_weight) << weight_VD.name;
  RT_CHECK(weight_VD.packed.defined()) << weight_VD.name << ": not packed";
  const Arguments arguments = check_arguments(targets_T, kept_ids, kept_begin, T, V);
  const at::Tensor logp_T = empty_floats(hidden_TD, {T});
  const at::Tensor entropy_T = empty_floats(hidden_TD, {T});
  head_forward(elements(hidden_TD, "hidden"), elements(weight_VD.packed, "packed"),
               arguments.targets, arguments.kept, temperature, elements(logp_T, "logp"),
               elements(entropy_T, "entropy"), T, D, V);
  // The lists of `arguments` live in targets_T, kept_ids and kept_begin: the closure names all
  // three and so holds them.
  join_graph(
      {logp_T, entropy_T}, {hidden_TD},
      [=, weight = weight_VD.value, packed = weight_VD.packed,
       dw_VD = weight_VD.grad](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
        const auto [rows, in] = dims<2>(hidden_TD, "hidden");
        const at::Tensor dlogp_T =
            grads[0].defined() ? grads[0].contiguous() : hidden_TD.new_zeros({rows});
        const at::Tensor dentropy_T = grads[1].defined() ? grads[1].contiguous() : at::Tensor();
        const at::Tensor dhidden_TD = empty_floats(hidden_TD, {rows, in});
        head_backward(elements(dlogp_T, "dlogp"),
                      dentropy_T.defined() ? elements(dentropy_T, "dentropy") : nullptr,
                      elements(hidden_TD, "hidden"), elements(packed, "packed"),
                      elements(weight, "weight"), elements<int32_t>(targets_T, "targets"),
                      kept_ids.defined() && kept_begin.defined() ? arguments.kept : KeptSets(),
                      temperature, elements(dhidden_TD, "dhidden"),
                      dw_VD.defined() ? elements(dw_VD, "dw") : nullptr, rows, in, weight.size(0));
        return {dhidden_TD};
      });
  return {logp_T, entropy_T};
}

// Rows of logits that exist at a time on a GPU: 1 GiB of fp32, and as much again for their softmax.
int64_t gpu_chunk_rows(int64_t V) { return std::max<int64_t>(1, (int64_t{1} << 28) / V); }

// bool [rows, V] on `device` for rows [begin, end), or undefined.
at::Tensor kept_mask(const at::Tensor& kept_ids, const at::Tensor& kept_begin, int64_t begin,
                     int64_t end, int64_t V, const at::Device& device) {
  if (!kept_ids.defined()) return {};
  const int64_t* first = elements<int64_t>(kept_begin, "kept_begin");
  const at::Tensor mask =
      kept_begin.new_zeros({end - begin, V}, kept_begin.options().dtype(at::kBool));
  bool* kept = mask.data_ptr<bool>();
  const int32_t* ids = elements<int32_t>(kept_ids, "kept_ids");
  for (int64_t t = begin; t < end; ++t) {
    for (int64_t i = first[t]; i < first[t + 1]; ++i) kept[(t - begin) * V + ids[i]] = true;
  }
  return mask.to(device);
}

constexpr double kNothing = -std::numeric_limits<double>::infinity();
// Stands for log 0 where p is 0: p log p is then 0.
constexpr double kLogOfZero = -1e30;

// dz = (a ([v == target] - p) - b p (log p + entropy)) / temperature, in the type of `hidden`. a,
// b: [T, 1].
at::Tensor logit_gradient(const at::Tensor& hidden_TD, const at::Tensor& weight_VD,
                          const at::Tensor& targets_T, double temperature,
                          const at::Tensor& kept_TV, const at::Tensor& a_T1,
                          const at::Tensor& b_T1) {
  at::Tensor logp_TV = hidden_TD.matmul(weight_VD.t()).to(at::kFloat).div_(temperature);
  if (kept_TV.defined()) logp_TV.masked_fill_(kept_TV.logical_not(), kNothing);
  logp_TV = logp_TV.log_softmax(1);
  if (kept_TV.defined()) logp_TV.masked_fill_(kept_TV.logical_not(), kLogOfZero);
  const at::Tensor p_TV = logp_TV.exp();
  const at::Tensor entropy_T1 = p_TV.mul(logp_TV).sum(1, /*keepdim=*/true).neg();
  const at::Tensor dz_TV = logp_TV.add_(entropy_T1).mul_(b_T1).add_(a_T1).mul_(p_TV).neg_();
  dz_TV.scatter_add_(1, targets_T.to(at::kLong).unsqueeze(1), a_T1);
  return dz_TV.div_(temperature).to(hidden_TD.scalar_type());
}

// The plain definition by chunks of rows, computed again in the backward, so that the logits of all
// rows never exist. The weight is a leaf of the graph.
HeadResult chunked_head(const at::Tensor& hidden_TD, const at::Tensor& weight_VD,
                        const at::Tensor& targets_T, double temperature, const at::Tensor& kept_ids,
                        const at::Tensor& kept_begin) {
  const auto [T, D] = dims<2>(hidden_TD, "hidden");
  const auto [V, D_weight] = dims<2>(weight_VD, "weight");
  RT_CHECK_EQ(D, D_weight);
  const at::Tensor logp_T = empty_floats(hidden_TD, {T});
  const at::Tensor entropy_T = empty_floats(hidden_TD, {T});
  const int64_t chunk = gpu_chunk_rows(V);
  {
    const at::NoGradGuard no_grad;
    for (int64_t begin = 0; begin < T; begin += chunk) {
      const int64_t rows = std::min(chunk, T - begin);
      const HeadResult part = head_plain(
          hidden_TD.narrow(0, begin, rows), weight_VD, targets_T.narrow(0, begin, rows),
          temperature, kept_mask(kept_ids, kept_begin, begin, begin + rows, V, hidden_TD.device()));
      logp_T.narrow(0, begin, rows).copy_(part.logp_T);
      entropy_T.narrow(0, begin, rows).copy_(part.entropy_T);
    }
  }
  const bool weight_trained = weight_VD.requires_grad();
  join_graph(
      {logp_T, entropy_T}, {hidden_TD, weight_VD},
      [=](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
        const int64_t all = hidden_TD.size(0);
        const at::Tensor dhidden_TD = hidden_TD.new_empty(hidden_TD.sizes());
        at::Tensor dweight_VD;
        if (weight_trained)
          dweight_VD =
              weight_VD.new_zeros(weight_VD.sizes(), hidden_TD.options().dtype(at::kFloat));
        for (int64_t begin = 0; begin < all; begin += chunk) {
          const int64_t rows = std::min(chunk, all - begin);
          const auto part = [&](const at::Tensor& grad) {
            return grad.defined()
                       ? grad.narrow(0, begin, rows).unsqueeze(1)
                       : hidden_TD.new_zeros({rows, 1}, hidden_TD.options().dtype(at::kFloat));
          };
          const at::Tensor hidden = hidden_TD.narrow(0, begin, rows);
          const at::Tensor dlogits =
              logit_gradient(hidden, weight_VD, targets_T.narrow(0, begin, rows), temperature,
                             kept_mask(kept_ids, kept_begin, begin, begin + rows, weight_VD.size(0),
                                       hidden_TD.device()),
                             part(grads[0]), part(grads[1]));
          dhidden_TD.narrow(0, begin, rows).copy_(dlogits.matmul(weight_VD));
          if (weight_trained) dweight_VD.add_(dlogits.t().matmul(hidden));
        }
        return {dhidden_TD, weight_trained ? dweight_VD.to(weight_VD.scalar_type()) : at::Tensor()};
      });
  return {logp_T, entropy_T};
}

}  // namespace

namespace {

// The rows' log-softmax over their kept sets: one expression for the sampler and the learner.
HeadResult softmax_rows(const at::Tensor& logits_TV, const at::Tensor& targets_T,
                        double temperature, const at::Tensor& kept_TV) {
  at::Tensor s_TV = logits_TV.div(temperature);
  if (kept_TV.defined()) s_TV = s_TV.masked_fill(kept_TV.logical_not(), kNothing);
  at::Tensor logp_TV = s_TV.log_softmax(1);
  if (kept_TV.defined()) logp_TV = logp_TV.masked_fill(kept_TV.logical_not(), kLogOfZero);
  const at::Tensor logp_T = logp_TV.gather(1, targets_T.to(at::kLong).unsqueeze(1)).squeeze(1);
  return {logp_T, logp_TV.exp().mul(logp_TV).sum(1).neg()};
}

}  // namespace

HeadResult head_plain(const at::Tensor& hidden_TD, const at::Tensor& weight_VD,
                      const at::Tensor& targets_T, double temperature, const at::Tensor& kept_TV) {
  return softmax_rows(hidden_TD.matmul(weight_VD.t()).to(at::toOpMathType(hidden_TD.scalar_type())),
                      targets_T, temperature, kept_TV);
}

HeadResult logits_logprob(const at::Tensor& logits_TV, const at::Tensor& targets_T,
                          double temperature, const at::Tensor& kept_ids,
                          const at::Tensor& kept_begin) {
  const at::NoGradGuard no_grad;
  return softmax_rows(
      logits_TV, targets_T, temperature,
      kept_mask(kept_ids, kept_begin, 0, logits_TV.size(0), logits_TV.size(1), logits_TV.device()));
}

HeadResult head_logprob(const at::Tensor& hidden_TD, const Parameter& weight_VD,
                        const at::Tensor& targets_T, double temperature, const at::Tensor& kept_ids,
                        const at::Tensor& kept_begin) {
  RT_CHECK(temperature > 0) << "temperature " << temperature;
  if (hidden_TD.is_cpu()) {
    return cpu_head(hidden_TD, weight_VD, targets_T, static_cast<float>(temperature), kept_ids,
                    kept_begin);
  }
  return chunked_head(hidden_TD, weight_VD.value, targets_T, temperature, kept_ids, kept_begin);
}

at::Tensor head_logits(const at::Tensor& hidden_TD, const Parameter& weight_VD) {
  const at::NoGradGuard no_grad;
  if (!hidden_TD.is_cpu()) return hidden_TD.matmul(weight_VD.value.t()).to(at::kFloat);
  const auto [T, D] = dims<2>(hidden_TD, "hidden");
  const int64_t V = weight_VD.value.size(0);
  RT_CHECK_EQ(weight_VD.packed.numel(), packed_floats(V, D)) << weight_VD.name;
  const at::Tensor logits_TV = empty_floats(hidden_TD, {T, V});
  gemm_forward(elements(hidden_TD, "hidden"), elements(weight_VD.packed, "packed"), nullptr,
               elements(logits_TV, "logits"), T, D, V);
  return logits_TV;
}

}  // namespace retort::kernels
