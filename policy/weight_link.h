#pragma once
// The weights of a policy as the bytes of a Version, and back. The bytes are those the policy
// computes with (CPU fp32, GPU bf16), tensor by tensor in the order of the Version's table.
#include "base/channel/version_stream.h"
#include "policy/policy.h"

namespace retort {

// A copy of the weights on the host: the policy may change at once. `version` is
// make_version(weights, ·).
VersionBytes copy_weights(const Weights& weights, const Version& version);

// Makes the policy compute with the Version. UserError at `place` when it is of other numerics
// (device, dtype, kernel contract) than this policy's, or of other tensors.
void load_version(Policy& policy, const VersionBytes& bytes, const std::string& place);

}  // namespace retort
