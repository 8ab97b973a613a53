#include "base/channel/in_process.h"
#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "base/wait_watch.h"
#include "tests/conformance/channel_conformance.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>

namespace retort::tests {
namespace {

class InProcessUnderTest : public ChannelUnderTest {
 public:
  explicit InProcessUnderTest(size_t credits) : channel_(credits) {}
  std::unique_ptr<SampleSender> sample_sender() override { return channel_.sample_sender(); }
  std::unique_ptr<SampleReceiver> sample_receiver() override { return channel_.sample_receiver(); }
  std::unique_ptr<TaskSender> task_sender() override { return channel_.task_sender(); }
  std::unique_ptr<TaskReceiver> task_receiver() override { return channel_.task_receiver(); }
  void break_connection() override { channel_.reconnect(); }

 private:
  InProcessChannel channel_;
};

RETORT_CHANNEL_CONFORMANCE(InProcess, [](size_t credits) {
  return std::make_unique<InProcessUnderTest>(credits);
});

// ---- planted faults: a channel that breaks one promise

enum class Fault {
  kIgnoresAcks,
  kAcksOnReceive,
  kAcksAnything,
  kHandsOutTwice,
  kLosesEveryThird,
  kChangesAToken,
  kNoCredits,
  kForgetsOnRestart,
  kForgetsOnBreak,
  kCopiesOnBreak,
  kNeverCloses,
  kClosesEarly,
  kIgnoresDeadlines,
  kReturnsBeforeDeadlines,
  kIgnoresSettle,
  kIgnoresGiveUp,
  kTasksTwice,
};

class FaultyReceiver : public SampleReceiver {
 public:
  FaultyReceiver(std::unique_ptr<SampleReceiver> inner, Fault fault, const bool* broken)
      : inner_(std::move(inner)), fault_(fault), broken_(broken) {}
  ~FaultyReceiver() override {
    if (fault_ == Fault::kForgetsOnRestart)
      while (inner_->receive(Deadline::after(0)).kind == ReceiveKind::kReceived) {
      }
    if (fault_ == Fault::kForgetsOnRestart)
      for (const SampleId& id : handed_out_) inner_->ack(id);
  }

  SampleReceived receive(Deadline deadline) override {
    if (twice_) return {ReceiveKind::kReceived, std::exchange(twice_, std::nullopt), ""};
    if (fault_ == Fault::kIgnoresDeadlines) {
      std::this_thread::sleep_for(std::chrono::milliseconds(900));
      return inner_->receive(Deadline::after(0));
    }
    if (fault_ == Fault::kReturnsBeforeDeadlines)
      deadline = Deadline::after(deadline.seconds_left() / 2);
    SampleReceived received = inner_->receive(deadline);
    if (fault_ == Fault::kNeverCloses && received.kind == ReceiveKind::kClosed)
      received.kind = ReceiveKind::kTimeout;
    if (fault_ == Fault::kClosesEarly && received.kind == ReceiveKind::kTimeout)
      received.kind = ReceiveKind::kClosed;
    if (received.kind != ReceiveKind::kReceived) return received;
    ++count_;
    handed_out_.push_back(received.sample->id);
    if (fault_ == Fault::kAcksOnReceive) inner_->ack(received.sample->id);
    if (fault_ == Fault::kHandsOutTwice || (fault_ == Fault::kCopiesOnBreak && *broken_))
      twice_ = received.sample;
    if (fault_ == Fault::kChangesAToken && count_ == 5) ++received.sample->tokens[0];
    if ((fault_ == Fault::kLosesEveryThird && count_ % 3 == 0) ||
        (fault_ == Fault::kForgetsOnBreak && *broken_)) {
      inner_->ack(received.sample->id);
      return receive(deadline);
    }
    return received;
  }
  void ack(const SampleId& id) override {
    if (fault_ == Fault::kIgnoresAcks) return;
    inner_->ack(fault_ == Fault::kAcksAnything && !handed_out_.empty() ? handed_out_.back() : id);
  }
  void settle(uint32_t step) override {
    if (fault_ != Fault::kIgnoresSettle) inner_->settle(step);
  }
  void give_up(uint32_t step, uint32_t task) override {
    if (fault_ != Fault::kIgnoresGiveUp) inner_->give_up(step, task);
  }
  void close() override {
    if (fault_ != Fault::kNeverCloses) inner_->close();
  }

 private:
  std::unique_ptr<SampleReceiver> inner_;
  const Fault fault_;
  const bool* broken_;
  int count_ = 0;
  std::optional<Sample> twice_;
  std::vector<SampleId> handed_out_;
};

class FaultyTaskReceiver : public TaskReceiver {
 public:
  FaultyTaskReceiver(std::unique_ptr<TaskReceiver> inner, Fault fault)
      : inner_(std::move(inner)), fault_(fault) {}
  AssignmentReceived receive(Deadline deadline) override {
    if (twice_) return {ReceiveKind::kReceived, std::exchange(twice_, std::nullopt), ""};
    AssignmentReceived received = inner_->receive(deadline);
    if (fault_ == Fault::kTasksTwice) twice_ = received.assignment;
    return received;
  }

 private:
  std::unique_ptr<TaskReceiver> inner_;
  const Fault fault_;
  std::optional<Assignment> twice_;
};

class FaultyChannel : public InProcessUnderTest {
 public:
  FaultyChannel(size_t credits, Fault fault)
      : InProcessUnderTest(fault == Fault::kNoCredits ? 1000 : credits), fault_(fault) {}
  std::unique_ptr<SampleReceiver> sample_receiver() override {
    return std::make_unique<FaultyReceiver>(InProcessUnderTest::sample_receiver(), fault_,
                                            &broken_);
  }
  std::unique_ptr<TaskReceiver> task_receiver() override {
    return std::make_unique<FaultyTaskReceiver>(InProcessUnderTest::task_receiver(), fault_);
  }
  void break_connection() override {
    broken_ = true;
    InProcessUnderTest::break_connection();
  }

 private:
  const Fault fault_;
  bool broken_ = false;
};

std::string problem_of(std::string_view name, Fault fault) {
  for (const ChannelCheck& check : channel_checks())
    if (check.name == name)
      return run_check(
          check,
          [fault](size_t credits) { return std::make_unique<FaultyChannel>(credits, fault); }, 0.5);
  return "";
}

TEST(ChannelConformance, CatchesEachPlantedFault) {
  const std::pair<Fault, std::string_view> planted[] = {
      {Fault::kIgnoresAcks, "CreditsBoundWhatIsUnacknowledged"},
      {Fault::kAcksOnReceive, "CreditsBoundWhatIsUnacknowledged"},
      {Fault::kAcksOnReceive, "FlushWaitsForAcknowledgements"},
      {Fault::kAcksAnything, "FlushWaitsForAcknowledgements"},
      {Fault::kHandsOutTwice, "EverythingArrivesOnce"},
      {Fault::kHandsOutTwice, "CopiesAreDropped"},
      {Fault::kLosesEveryThird, "EverythingArrivesOnce"},
      {Fault::kChangesAToken, "EverythingArrivesOnce"},
      {Fault::kNoCredits, "CreditsBoundWhatIsUnacknowledged"},
      {Fault::kForgetsOnRestart, "ANewReceiverGetsWhatWasNotAcknowledged"},
      {Fault::kForgetsOnBreak, "ABrokenConnectionLosesNothing"},
      {Fault::kCopiesOnBreak, "ABrokenConnectionLosesNothing"},
      {Fault::kNeverCloses, "ClosedWhenAllSendersAre"},
      {Fault::kClosesEarly, "ClosedWhenAllSendersAre"},
      {Fault::kNeverCloses, "ClosingTheReceiverEndsAWaitingSend"},
      {Fault::kIgnoresDeadlines, "WaitsHaveDeadlineReasonAndHolder"},
      {Fault::kReturnsBeforeDeadlines, "WaitsHaveDeadlineReasonAndHolder"},
      {Fault::kIgnoresSettle, "SettledStepsTakeNoMoreSamples"},
      {Fault::kIgnoresGiveUp, "AGroupGivenUpTakesNoMoreSamples"},
      {Fault::kTasksTwice, "EachAssignmentReachesOneWorker"},
  };
  for (const auto& [fault, check] : planted)
    EXPECT_NE(problem_of(check, fault), "")
        << check << " passes with fault " << static_cast<int>(fault);
}

TEST(InProcessChannel, HasOneReceiverAndAtLeastOneCredit) {
  InProcessChannel channel(1);
  const auto receiver = channel.sample_receiver();
  EXPECT_THROW(channel.sample_receiver(), InternalError);
  EXPECT_THROW(InProcessChannel(0), InternalError);
}

TEST(InProcessChannel, EndsOutliveTheChannelObject) {
  auto channel = std::make_unique<InProcessChannel>(2);
  const auto sender = channel->sample_sender();
  const auto receiver = channel->sample_receiver();
  channel.reset();
  Sample sample;
  sample.id = {1, 0, 0, 0};
  EXPECT_EQ(sender->send(sample, Deadline::after(1)), SendResult::kSent);
  EXPECT_EQ(receiver->receive(Deadline::after(1)).kind, ReceiveKind::kReceived);
}

TEST(Wait, DeadlinesBoundAndAreListed) {
  EXPECT_TRUE(Deadline::after(0).passed());
  EXPECT_TRUE(Deadline::after(-1).passed());
  EXPECT_FALSE(Deadline::after(100).passed());
  EXPECT_FALSE(Deadline::never().passed());
  EXPECT_FALSE(Deadline::after(1e300).passed());
  EXPECT_NEAR(Deadline::after(100).seconds_left(), 100, 1);
  EXPECT_TRUE(current_waits().empty());
  {
    const WaitScope outer("a credit", "the learner", Deadline::after(5));
    const WaitScope inner("a sample", "the workers", Deadline::never());
    const auto rows = current_waits();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].reason, "a credit");
    EXPECT_EQ(rows[1].holder, "the workers");
    EXPECT_EQ(wait_text({"a credit", "the learner", 2.04, 1}),
              "waited 2.0 s for a credit, held by the learner");
  }
  EXPECT_TRUE(current_waits().empty());
}

TEST(Wait, ALongOneIsSaidAgainAndAgain) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/log.txt";
  log::open_file(path);
  {
    const WaitWatch watch(0.2);
    const WaitScope wait("a credit", "the learner", Deadline::never());
    for (int i = 0; i < 10; ++i) {
      const WaitScope brief("a sample", "the workers", Deadline::never());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  log::open_file("");
  const std::string text = read_file(path);
  size_t said = 0;
  for (size_t at = 0; (at = text.find("waiting for a credit since ", at)) != std::string::npos;
       ++at)
    ++said;
  EXPECT_GE(said, 2u) << text;
  EXPECT_LE(said, 5u) << text;
  EXPECT_NE(text.find(" s, held by the learner"), std::string::npos) << text;
  EXPECT_EQ(text.find("a sample"), std::string::npos) << text;
}

TEST(Wait, LooksOnceWhenTheDeadlineHasPassed) {
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  const WaitScope what("nothing", "nobody", Deadline::after(0));
  EXPECT_TRUE(wait_until(condition, lock, what, Deadline::after(0), [] { return true; }));
  EXPECT_FALSE(wait_until(condition, lock, what, Deadline::after(0), [] { return false; }));
}

}  // namespace
}  // namespace retort::tests
