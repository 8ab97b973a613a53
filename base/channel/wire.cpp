#include "base/channel/wire.h"

#include <utility>

namespace retort {

SharedBytes SharedBytes::of(std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  const std::span<const uint8_t> view(*owner);
  return {std::move(owner), view};
}

}  // namespace retort
