#pragma once
// Optimizer: fp32 masters, their gradients and AdamW's moments for every trained parameter of a
// policy.
//
// On a CPU the masters are the policy's own values. On a GPU the policy computes with bf16
// roundings and the masters live beside them; update() rounds them again. Invariants: `grad` of
// every parameter is zero after construction and after each update(). Parameters are visited in
// Weights::for_each order, so the gradient norm is one fixed chain.
#include "learner/config.h"
#include "policy/policy.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace retort {

struct UpdateResult {
  double grad_norm = 0;  // before clipping
};

class Optimizer {
 public:
  // Switches the policy's gradients on. On a GPU `masters` are the fp32 weights that
  // policy.weights() were rounded from; on a CPU it is ignored. The policy must outlive the
  // optimiser.
  Optimizer(Policy& policy, const LearnerConfig& config, const Weights* masters = nullptr);

  // After each backward: moves what autograd left on GPU leaves into the fp32 accumulators. Nothing
  // on a CPU.
  void collect_gradients();

  // One AdamW update with the accumulated gradients, which are then zero. InternalError when the
  // norm is not finite.
  UpdateResult update(double lr);

  int64_t updates() const { return updates_; }  // AdamW's t
  void set_updates(int64_t updates) { updates_ = updates; }

  // What a checkpoint's trainer/ holds: (name, tensor) of masters, first and second moments, in a
  // fixed order.
  void for_each_state(const std::function<void(const std::string&, at::Tensor&)>& visit);
  // Call after for_each_state wrote new values: rounds and packs the policy's weights again.
  void masters_changed();

 private:
  struct Slot {
    Parameter* parameter;
    at::Tensor master, m, v;
    bool decay;
  };
  Policy& policy_;
  LearnerConfig config_;
  std::vector<Slot> slots_;
  int64_t updates_ = 0;
};

}  // namespace retort
