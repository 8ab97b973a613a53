#include "policy/weight_link.h"

#include "base/check.h"
#include "base/error.h"
#include "policy/hf_model.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

namespace retort {
VersionBytes copy_weights(const Weights& weights, const Version& version) {
  at::NoGradGuard no_grad;
  const auto tensors = std::make_shared<std::vector<at::Tensor>>();
  VersionBytes bytes{version, {}, tensors};
  for (const HfSlice& slice : slices_by_name(weights)) {
    const at::Tensor rows = rows_of(slice);
    tensors->push_back(rows.is_cpu() ? rows.clone() : rows.cpu().contiguous());
    const at::Tensor& copy = tensors->back();
    bytes.tensors.emplace_back(static_cast<const uint8_t*>(copy.data_ptr()), copy.nbytes());
  }
  RT_CHECK_EQ(bytes.tensors.size(), version.tensors.size());
  return bytes;
}

void load_version(Policy& policy, const VersionBytes& bytes, const std::string& place) {
  at::NoGradGuard no_grad;
  Weights& weights = policy.weights();
  const Version own = describe_version(weights);
  if (bytes.version.numerics != own.numerics)
    throw UserError(place,
                    "the learner computes with '" + bytes.version.numerics +
                        "', this worker with '" + own.numerics + "'",
                    "start both on the same kind of device");
  if (bytes.version.tensors != own.tensors)
    throw UserError(place, "the learner's model has other tensors than this worker's",
                    "give both the same model.path");
  const std::vector<HfSlice> slices = slices_by_name(weights);
  RT_CHECK_EQ(slices.size(), bytes.tensors.size());
  for (size_t i = 0; i < slices.size(); ++i) {
    const at::Tensor rows = rows_of(slices[i]);
    RT_CHECK_EQ(rows.nbytes(), bytes.tensors[i].size()) << slices[i].name;
    rows.copy_(at::from_blob(const_cast<uint8_t*>(bytes.tensors[i].data()), rows.sizes(),
                             rows.scalar_type()));
  }
  repack(weights);
}

}  // namespace retort
