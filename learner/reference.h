#pragma once
// Reference: the frozen or now and then refreshed policy that a KL term pulls towards.
#include "learner/packed_forward.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace retort {

class Reference {
 public:
  // A copy of the policy's weights as they are now: as many bytes again.
  explicit Reference(const Policy& policy);
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  // Takes the policy's weights of now.
  void refresh(const Policy& policy);

  // Fills reference_logprobs of every sequence, by micro-batches (which change no bit).
  void fill(std::vector<TrainingSequence>& sequences, double temperature,
            int64_t micro_batch_tokens);

  // What a checkpoint holds of it: (name, tensor) in a fixed order.
  void for_each_state(const std::function<void(const std::string&, at::Tensor&)>& visit);
  // Call after for_each_state wrote new values.
  void values_changed();

 private:
  Policy policy_;
  PackedForward forward_;
};

}  // namespace retort
