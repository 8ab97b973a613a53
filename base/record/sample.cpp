#include "base/record/sample.h"

#include <algorithm>

namespace retort {

uint32_t Sample::version_min() const {
  return versions.empty() ? 0 : *std::min_element(versions.begin(), versions.end());
}

uint32_t Sample::version_max() const {
  return versions.empty() ? 0 : *std::max_element(versions.begin(), versions.end());
}

}  // namespace retort
