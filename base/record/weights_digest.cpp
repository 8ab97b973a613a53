#include "base/record/weights_digest.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace retort {

struct WeightsDigest::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

WeightsDigest::WeightsDigest() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(state_->xxh);
}
WeightsDigest::~WeightsDigest() = default;

void WeightsDigest::add(const TensorEntry& entry, const void* bytes, size_t count) {
  begin(entry);
  append(bytes, count);
}

void WeightsDigest::begin(const TensorEntry& entry) {
  std::string head = entry.name + '\0' + entry.dtype + '\0';
  for (const int64_t dim : entry.shape) head += std::to_string(dim) + ',';
  head += '\0';
  XXH3_128bits_update(state_->xxh, head.data(), head.size());
}

void WeightsDigest::append(const void* bytes, size_t count) {
  XXH3_128bits_update(state_->xxh, bytes, count);
}

std::string WeightsDigest::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace retort
