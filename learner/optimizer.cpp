#include "learner/optimizer.h"

#include "base/check.h"
#include "base/exact_math.h"
#include "kernels/adamw/adamw_op.h"
#include "kernels/residual_add/residual_add.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

namespace retort {

Optimizer::Optimizer(Policy& policy, const LearnerConfig& config, const Weights* masters)
    : policy_(policy), config_(config) {
  at::NoGradGuard no_grad;
  Weights& weights = policy.weights();
  std::vector<at::Tensor> given;
  if (masters != nullptr)
    masters->for_each([&](const Parameter& parameter) { given.push_back(parameter.value); });
  RT_CHECK(!policy.on_gpu() || masters != nullptr) << "bf16 weights need fp32 masters";
  weights.for_each([&](Parameter& parameter) {
    at::Tensor master = policy.on_gpu()
                            ? given[slots_.size()].to(parameter.value.device(), at::kFloat)
                            : parameter.value;
    parameter.grad = at::zeros_like(master);
    if (policy.on_gpu()) parameter.value.set_requires_grad(true);
    slots_.push_back({&parameter, master, at::zeros_like(master), at::zeros_like(master),
                      parameter.value.dim() >= 2});
  });
  if (weights.config.tie_word_embeddings) {
    weights.head.value = weights.embedding.value;
    weights.head.grad = policy.on_gpu() ? at::Tensor() : at::zeros_like(weights.embedding.grad);
  }
}

void Optimizer::collect_gradients() {
  if (!policy_.on_gpu()) return;
  at::NoGradGuard no_grad;
  for (Slot& slot : slots_) {
    at::Tensor& leaf = slot.parameter->value.mutable_grad();
    if (leaf.defined()) slot.parameter->grad.add_(leaf);
    leaf = at::Tensor();
  }
}

UpdateResult Optimizer::update(double lr) {
  at::NoGradGuard no_grad;
  Weights& weights = policy_.weights();
  const bool cpu = !policy_.on_gpu();
  if (cpu && weights.config.tie_word_embeddings) {
    auto* embedding = weights.embedding.grad.data_ptr<float>();
    kernels::residual_add_forward(embedding, weights.head.grad.data_ptr<float>(), embedding,
                                  weights.embedding.grad.numel());
    weights.head.grad.zero_();
  }
  double squares = 0;
  for (const Slot& slot : slots_) {
    const at::Tensor& grad = slot.parameter->grad;
    squares += cpu ? kernels::sum_of_squares(grad.data_ptr<float>(), grad.numel())
                   : grad.to(at::kDouble).square().sum().item<double>();
  }
  UpdateResult result{exact::sqrt(squares)};
  RT_CHECK(std::isfinite(result.grad_norm))
      << "the gradient is not finite at update " << updates_ + 1
      << ": lower learner.lr, or look for a reward that is not a number";
  ++updates_;
  const double t = static_cast<double>(updates_);
  kernels::AdamwStep step;
  step.lr = static_cast<float>(lr);
  step.beta1 = static_cast<float>(config_.beta1);
  step.beta2 = static_cast<float>(config_.beta2);
  step.eps = static_cast<float>(config_.adam_eps);
  step.bias_correction1 = static_cast<float>(1.0 - exact::pow(config_.beta1, t));
  step.sqrt_bias_correction2 = static_cast<float>(exact::sqrt(1.0 - exact::pow(config_.beta2, t)));
  // PyTorch's clip_grad_norm_: max_norm / (norm + 1e-6), at most 1.
  step.grad_scale =
      config_.grad_clip > 0
          ? static_cast<float>(std::min(1.0, config_.grad_clip / (result.grad_norm + 1e-6)))
          : 1.0f;
  for (Slot& slot : slots_) {
    step.weight_decay = slot.decay ? static_cast<float>(config_.weight_decay) : 0.0f;
    kernels::adamw_update(slot.master, slot.parameter->grad, slot.m, slot.v, step);
    slot.parameter->grad.zero_();
  }
  masters_changed();
  return result;
}

void Optimizer::masters_changed() {
  at::NoGradGuard no_grad;
  if (policy_.on_gpu())
    for (Slot& slot : slots_) slot.parameter->value.copy_(slot.master);
  else
    repack(policy_.weights());
}

void Optimizer::for_each_state(const std::function<void(const std::string&, at::Tensor&)>& visit) {
  for (Slot& slot : slots_) {
    visit("master." + slot.parameter->name, slot.master);
    visit("exp_avg." + slot.parameter->name, slot.m);
    visit("exp_avg_sq." + slot.parameter->name, slot.v);
  }
}

}  // namespace retort
