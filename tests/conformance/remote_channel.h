#pragma once
// The remote channel (base/channel/remote.h) as a channel under test, over any pair of wires and
// under faults.
#include "base/channel/faulty_wire.h"
#include "base/channel/remote.h"
#include "tests/conformance/channel_conformance.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace retort::tests {

// Makes the ends of wires that belong together. A learner's wire may be made again when the one
// before is gone: that is a learner that was started anew.
class WirePair {
 public:
  virtual ~WirePair() = default;
  virtual std::unique_ptr<Wire> learner() = 0;
  virtual std::unique_ptr<Wire> worker() = 0;
};

struct RemoteSettings {
  FaultRates faults;             // of both directions
  bool restarts_learner = true;  // a second receiver is that of a learner started anew
};

ChannelIdentity test_identity();
ChannelTiming test_timing();
LearnerOptions test_learner_options();  // four credits
WorkerOptions test_worker_options(const std::string& name = "worker 1");

// Each sender and each receiver of tasks belongs to a worker of its own, which is connected.
std::unique_ptr<ChannelUnderTest> remote_under_test(std::unique_ptr<WirePair> wires, size_t credits,
                                                    const RemoteSettings& settings);

}  // namespace retort::tests
