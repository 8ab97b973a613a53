#include "tools/retort/sampling_options.h"

#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace retort {
namespace {

void check_range(const char* option, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    throw UserError(option, fmt::format("got {}", value),
                    fmt::format("set it to a value from {} to {}", low, high));
}

}  // namespace

void check(const SamplingOptions& options) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  constexpr double kColdest = 0.01, kHottest = 100.0;
  const double temperature = options.temperature;
  if (temperature != 0.0 && !(temperature >= kColdest && temperature <= kHottest))
    throw UserError(
        "--temperature", fmt::format("got {}", temperature),
        fmt::format("set it to 0 (greedy), or to a value from {} to {:.0f}", kColdest, kHottest));
  check_range("--top-k", options.top_k, 0, kMost);
  if (!(options.top_p > 0 && options.top_p <= 1))
    throw UserError("--top-p", fmt::format("got {}", options.top_p), "set it above 0, at most 1");
  check_range("--seed", options.seed, 0, std::numeric_limits<uint32_t>::max());
  check_range("--samples", options.samples, 1, 1 << 20);
  check_range("--max-new-tokens", options.max_new_tokens, 0, kMost);
  check_range("--max-sequences", options.max_sequences, 1, 1 << 16);
  check_range("--threads", options.threads, 0, 1024);
  if (std::find(options.stop.begin(), options.stop.end(), "") != options.stop.end())
    throw UserError("--stop", "got an empty text, which ends every completion", "leave it out");
}

SamplingSettings sampling_settings(const SamplingOptions& options, Purpose purpose) {
  return {options.temperature, options.top_k, options.top_p, static_cast<uint32_t>(options.seed),
          purpose};
}

}  // namespace retort
