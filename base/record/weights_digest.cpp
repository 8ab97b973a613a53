#include "base/record/weights_digest.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace retort {
namespace {

std::string hex_of(const XXH128_hash_t& hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

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

std::string WeightsDigest::hex() const { return hex_of(XXH3_128bits_digest(state_->xxh)); }

std::string text_digest(std::string_view text) {
  return hex_of(XXH3_128bits(text.data(), text.size()));
}

}  // namespace retort
