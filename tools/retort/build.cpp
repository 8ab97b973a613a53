#include "tools/retort/build.h"

#include <fmt/format.h>
#include <torch/headeronly/version.h>

namespace retort {

std::string build_text() {
  return fmt::format("retort {} ({}, sources {}), LibTorch {}.{}.{}", RETORT_VERSION, RETORT_BUILD,
                     kSourcesDigest, TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

}  // namespace retort
