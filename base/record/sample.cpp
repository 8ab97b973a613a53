#include "base/record/sample.h"

#include "base/check.h"

#include <algorithm>

namespace retort {

const char* stop_name(StopReason stop) {
  switch (stop) {
    case StopReason::kEos:
      return "eos";
    case StopReason::kLength:
      return "length";
    case StopReason::kStopString:
      return "stop_string";
  }
  RT_CHECK(false) << "stop reason " << static_cast<int>(stop);
  __builtin_unreachable();
}

uint32_t Sample::version_min() const {
  return versions.empty() ? 0 : *std::min_element(versions.begin(), versions.end());
}

uint32_t Sample::version_max() const {
  return versions.empty() ? 0 : *std::max_element(versions.begin(), versions.end());
}

}  // namespace retort
