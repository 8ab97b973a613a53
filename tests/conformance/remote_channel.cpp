#include "tests/conformance/remote_channel.h"

#include "base/check.h"

#include <utility>

namespace retort::tests {
namespace {

class RemoteUnderTest final : public ChannelUnderTest {
 public:
  RemoteUnderTest(std::unique_ptr<WirePair> wires, size_t credits, const RemoteSettings& settings)
      : wires_(std::move(wires)), credits_(credits), settings_(settings) {
    start_learner();
  }

  std::unique_ptr<SampleSender> sample_sender() override { return new_worker().sample_sender(); }
  std::unique_ptr<SampleReceiver> sample_receiver() override {
    if (receivers_++ > 0 && settings_.restarts_learner) start_learner();
    return learner_->sample_receiver();
  }
  std::unique_ptr<TaskSender> task_sender() override { return learner_->task_sender(); }
  std::unique_ptr<TaskReceiver> task_receiver() override { return new_worker().task_receiver(); }
  void break_connection() override {
    for (const auto& worker : workers_) worker->reconnect();
  }

 private:
  void start_learner() {
    learner_.reset();
    learner_ = std::make_unique<RemoteLearner>(
        faulty(wires_->learner()), LearnerOptions{test_identity(), credits_, test_timing()});
  }
  RemoteWorker& new_worker() {
    WorkerOptions options;
    options.identity = test_identity();
    options.name = "worker " + std::to_string(workers_.size() + 1);
    options.timing = test_timing();
    workers_.push_back(std::make_unique<RemoteWorker>(faulty(wires_->worker()), options));
    const ConnectResult connected = workers_.back()->connect(Deadline::after(10));
    RT_CHECK(connected.kind == ConnectKind::kConnected) << connected.text;
    return *workers_.back();
  }
  std::unique_ptr<Wire> faulty(std::unique_ptr<Wire> wire) {
    const FaultRates& rates = settings_.faults;
    if (rates.lost + rates.doubled + rates.reordered + rates.cut + rates.poisoned == 0) return wire;
    return faulty_wire(std::move(wire), rates, 15, ends_++);
  }

  const std::unique_ptr<WirePair> wires_;
  const size_t credits_;
  const RemoteSettings settings_;
  uint32_t ends_ = 0;
  int receivers_ = 0;
  std::unique_ptr<RemoteLearner> learner_;
  std::vector<std::unique_ptr<RemoteWorker>> workers_;
};

}  // namespace

ChannelIdentity test_identity() { return {"build 1", "0123456789abcdef", "token"}; }

ChannelTiming test_timing() { return {0.2, 15}; }
LearnerOptions test_learner_options() { return {test_identity(), 4, test_timing()}; }
WorkerOptions test_worker_options(const std::string& name) {
  WorkerOptions options;
  options.identity = test_identity();
  options.name = name;
  options.timing = test_timing();
  return options;
}

std::unique_ptr<ChannelUnderTest> remote_under_test(std::unique_ptr<WirePair> wires, size_t credits,
                                                    const RemoteSettings& settings) {
  return std::make_unique<RemoteUnderTest>(std::move(wires), credits, settings);
}

}  // namespace retort::tests
