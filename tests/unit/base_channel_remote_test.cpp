// The remote channel over wires in memory: conformance, as it is and under faults, and what holds
// beyond it.
#include "base/channel/memory_wire.h"
#include "tests/conformance/remote_channel.h"

#include <gtest/gtest.h>

namespace retort::tests {
namespace {

class MemoryPair final : public WirePair {
 public:
  std::unique_ptr<Wire> learner() override { return hub_.learner_wire(); }
  std::unique_ptr<Wire> worker() override { return hub_.worker_wire(); }

 private:
  MemoryHub hub_;
};

ChannelMaker over_memory(const RemoteSettings& settings) {
  return [settings](size_t credits) {
    return remote_under_test(std::make_unique<MemoryPair>(), credits, settings);
  };
}

constexpr FaultRates kFaults = {0.05, 0.05, 0.05, 0.05, 0.05};

RETORT_CHANNEL_CONFORMANCE(Memory, over_memory({{}, true}));
RETORT_CHANNEL_CONFORMANCE(MemoryOneLearner, over_memory({{}, false}));
RETORT_CHANNEL_CONFORMANCE(MemoryWithFaults, over_memory({kFaults, true}));
RETORT_CHANNEL_CONFORMANCE(MemoryLosing, over_memory({{0.3, 0, 0, 0, 0}, true}));
RETORT_CHANNEL_CONFORMANCE(MemoryDoubling, over_memory({{0, 0.3, 0, 0, 0}, true}));
RETORT_CHANNEL_CONFORMANCE(MemoryReordering, over_memory({{0, 0, 0.3, 0, 0}, true}));
RETORT_CHANNEL_CONFORMANCE(MemoryCutting, over_memory({{0, 0, 0, 0.3, 0}, true}));
RETORT_CHANNEL_CONFORMANCE(MemoryPoisoning, over_memory({{0, 0, 0, 0, 0.3}, true}));

}  // namespace
}  // namespace retort::tests
