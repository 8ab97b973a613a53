#pragma once
// What every channel must pass (base/channel/channel.h). A channel's test makes a ChannelMaker and
// writes
//
//   RETORT_CHANNEL_CONFORMANCE(InProcess, make_in_process)
//
// Each check returns what is wrong in one line, or "": so a planted fault can be shown to be
// caught.
#include "base/channel/channel.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace retort::tests {

// A channel between one learner and its workers, with a connection that can break.
class ChannelUnderTest {
 public:
  virtual ~ChannelUnderTest() = default;
  virtual std::unique_ptr<SampleSender> sample_sender() = 0;
  virtual std::unique_ptr<SampleReceiver> sample_receiver() = 0;
  virtual std::unique_ptr<TaskSender> task_sender() = 0;
  virtual std::unique_ptr<TaskReceiver> task_receiver() = 0;
  // What is on the way is lost, acknowledgements too; both ends live on and connect again.
  virtual void break_connection() = 0;
};
using ChannelMaker = std::function<std::unique_ptr<ChannelUnderTest>(size_t credits)>;

struct ChannelCheck {
  std::string_view name;
  std::string (*problem)(const ChannelMaker& make);
};
std::span<const ChannelCheck> channel_checks();

// What is wrong, or "". `patience_s` bounds the wait for what must come; short for a planted fault.
std::string run_check(const ChannelCheck& check, const ChannelMaker& make, double patience_s = 10);

}  // namespace retort::tests

// One GoogleTest per check: Channel/SUITEConformance.Holds/NAME.
#define RETORT_CHANNEL_CONFORMANCE(Suite, maker)                                                \
  class Suite##Conformance : public ::testing::TestWithParam<::retort::tests::ChannelCheck> {}; \
  TEST_P(Suite##Conformance, Holds) {                                                           \
    EXPECT_EQ(::retort::tests::run_check(GetParam(), maker), "");                               \
  }                                                                                             \
  INSTANTIATE_TEST_SUITE_P(Channel, Suite##Conformance,                                         \
                           ::testing::ValuesIn(::retort::tests::channel_checks().begin(),       \
                                               ::retort::tests::channel_checks().end()),        \
                           [](const auto& row) { return std::string(row.param.name); })
