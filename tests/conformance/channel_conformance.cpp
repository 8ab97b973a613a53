#include "tests/conformance/channel_conformance.h"

#include "base/record/codec.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace retort::tests {
namespace {

std::atomic<double> patience_s = 10;

// For what must come, and for what must not.
Deadline soon() { return Deadline::after(patience_s); }
Deadline briefly() { return Deadline::after(0.1); }

// Ends a check with a sentence when a promise is broken.
#define RETORT_EXPECT(condition, sentence) \
  if (!(condition)) return std::string(sentence)

// A sample whose every field follows from its id.
Sample make_sample(uint32_t step, uint32_t task, uint32_t slot) {
  Sample sample;
  sample.id = {step, task, slot, 0};
  sample.task_uid = step * 1000003u + task;
  const auto length = static_cast<int32_t>(1 + (task + slot) % 5);
  sample.prompt_length = 2;
  for (int32_t i = 0; i < 2 + length; ++i)
    sample.tokens.push_back(static_cast<int32_t>(step + task * 7 + slot * 3) + i);
  sample.loss_mask.assign(static_cast<size_t>(length), 1);
  sample.logprobs.assign(static_cast<size_t>(length), -0.125f * static_cast<float>(slot + 1));
  sample.versions.assign(static_cast<size_t>(length), step - 1);
  return sample;
}

Assignment make_assignment(uint32_t index) {
  Assignment assignment;
  assignment.step = 1;
  assignment.task_index = index;
  assignment.slots = 4;
  assignment.version = 9;
  assignment.task.prompt = "task " + std::to_string(index);
  assignment.task.rewards = {"task"};
  return assignment;
}

// Everything until kClosed or until nothing comes for a while, acknowledged as it comes.
std::vector<Sample> drain(SampleReceiver& receiver, Deadline idle(), bool acknowledge) {
  std::vector<Sample> samples;
  for (;;) {
    SampleReceived received = receiver.receive(idle());
    if (received.kind != ReceiveKind::kReceived) return samples;
    if (acknowledge) receiver.ack(received.sample->id);
    samples.push_back(std::move(*received.sample));
  }
}

// The bytes of a collection in the order of the ids: what a learner computes with.
std::vector<uint8_t> ordered_bytes(std::vector<Sample> samples) {
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.id < b.id; });
  std::vector<uint8_t> bytes;
  for (const Sample& sample : samples) {
    const std::vector<uint8_t> one = encode(sample);
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  return bytes;
}

std::string everything_arrives_once(const ChannelMaker& make) {
  constexpr uint32_t kTasks = 12, kSlots = 5;
  std::vector<Sample> all;
  for (uint32_t task = 0; task < kTasks; ++task)
    for (uint32_t slot = 0; slot < kSlots; ++slot) all.push_back(make_sample(1, task, slot));
  const std::vector<uint8_t> expected = ordered_bytes(all);
  for (const size_t workers : {1u, 2u, 4u}) {
    const auto channel = make(7);
    const auto receiver = channel->sample_receiver();
    std::atomic<bool> failed = false;
    std::vector<std::unique_ptr<SampleSender>> senders;
    for (size_t w = 0; w < workers; ++w) senders.push_back(channel->sample_sender());
    std::vector<std::thread> threads;
    for (size_t w = 0; w < workers; ++w) {
      threads.emplace_back([&, w] {
        // Backwards in every second worker: arrival order is nobody's promise.
        for (size_t i = w; i < all.size(); i += workers) {
          const size_t at = w % 2 == 0 ? i : all.size() - 1 - i + 2 * w + 1 - workers;
          if (senders[w]->send(all[at], soon()) != SendResult::kSent) failed = true;
        }
        senders[w]->close();
      });
    }
    const std::vector<Sample> received = drain(*receiver, soon, true);
    for (std::thread& thread : threads) thread.join();
    RETORT_EXPECT(!failed, "a send failed although the receiver acknowledges everything");
    RETORT_EXPECT(received.size() == all.size(), std::to_string(received.size()) +
                                                     " samples received of " +
                                                     std::to_string(all.size()) + " sent by " +
                                                     std::to_string(workers) + " workers");
    RETORT_EXPECT(ordered_bytes(received) == expected,
                  "the bytes depend on who sent, or changed on the way");
  }
  return "";
}

std::string credits_bound_what_is_unacknowledged(const ChannelMaker& make) {
  const auto channel = make(3);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  for (uint32_t slot = 0; slot < 3; ++slot)
    RETORT_EXPECT(sender->send(make_sample(1, 0, slot), soon()) == SendResult::kSent,
                  "a free credit is refused");
  RETORT_EXPECT(sender->send(make_sample(1, 0, 3), briefly()) == SendResult::kTimeout,
                "a sample is taken beyond the credits");
  const SampleReceived first = receiver->receive(soon());
  RETORT_EXPECT(first.kind == ReceiveKind::kReceived, "what was sent does not arrive");
  RETORT_EXPECT(sender->send(make_sample(1, 0, 3), briefly()) == SendResult::kTimeout,
                "receiving frees a credit before the acknowledgement");
  receiver->ack(first.sample->id);
  RETORT_EXPECT(sender->send(make_sample(1, 0, 3), soon()) == SendResult::kSent,
                "an acknowledgement frees no credit");
  return "";
}

std::string flush_waits_for_acknowledgements(const ChannelMaker& make) {
  const auto channel = make(4);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kSent,
                "flush waits although nothing was sent");
  sender->send(make_sample(1, 0, 0), soon());
  RETORT_EXPECT(sender->flush(briefly()) == SendResult::kTimeout,
                "flush returns before the sample was received");
  const SampleReceived received = receiver->receive(soon());
  RETORT_EXPECT(received.kind == ReceiveKind::kReceived, "what was sent does not arrive");
  RETORT_EXPECT(sender->flush(briefly()) == SendResult::kTimeout,
                "flush returns before the acknowledgement");
  receiver->ack({9, 9, 9, 9});  // of nobody
  RETORT_EXPECT(sender->flush(briefly()) == SendResult::kTimeout,
                "an unknown id acknowledges a sample");
  receiver->ack(received.sample->id);
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kSent,
                "flush does not see the acknowledgement");
  return "";
}

std::string copies_are_dropped(const ChannelMaker& make) {
  const auto channel = make(4);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  const auto other = channel->sample_sender();
  const Sample sample = make_sample(1, 2, 3);
  for (int i = 0; i < 3; ++i)
    RETORT_EXPECT(sender->send(sample, soon()) == SendResult::kSent, "a copy is refused");
  RETORT_EXPECT(other->send(sample, soon()) == SendResult::kSent,
                "a copy of another worker is refused");
  const SampleReceived first = receiver->receive(soon());
  RETORT_EXPECT(first.kind == ReceiveKind::kReceived && *first.sample == sample,
                "the sample does not arrive");
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "a copy is handed out before the ack");
  receiver->ack(sample.id);
  RETORT_EXPECT(other->send(sample, soon()) == SendResult::kSent,
                "a copy after the ack is refused");
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "a copy is handed out after the ack");
  RETORT_EXPECT(other->flush(soon()) == SendResult::kSent,
                "a copy of what is durable is never acknowledged");
  return "";
}

std::string settled_steps_take_no_more_samples(const ChannelMaker& make) {
  const auto channel = make(2);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  receiver->settle(3);
  for (uint32_t slot = 0; slot < 5; ++slot)
    RETORT_EXPECT(sender->send(make_sample(3, 0, slot), soon()) == SendResult::kSent,
                  "a sample of a settled step keeps a credit");
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "a sample of a settled step is handed out");
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kSent,
                "a sample of a settled step is never acknowledged");
  RETORT_EXPECT(sender->send(make_sample(4, 0, 0), soon()) == SendResult::kSent,
                "the next step is refused");
  const SampleReceived next = receiver->receive(soon());
  RETORT_EXPECT(next.kind == ReceiveKind::kReceived && next.sample->id.step == 4,
                "the next step does not arrive");
  return "";
}

std::string a_group_given_up_takes_no_more_samples(const ChannelMaker& make) {
  const auto channel = make(3);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  // One was received, one waits, one still comes.
  for (uint32_t slot = 0; slot < 2; ++slot) sender->send(make_sample(1, 7, slot), soon());
  RETORT_EXPECT(receiver->receive(soon()).kind == ReceiveKind::kReceived, "nothing arrives");
  receiver->give_up(1, 7);
  for (uint32_t slot = 2; slot < 6; ++slot)
    RETORT_EXPECT(sender->send(make_sample(1, 7, slot), soon()) == SendResult::kSent,
                  "a sample of a group given up keeps a credit");
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "a sample of a group given up is handed out");
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kSent,
                "a sample of a group given up is never acknowledged");
  RETORT_EXPECT(sender->send(make_sample(1, 8, 0), soon()) == SendResult::kSent,
                "the next group is refused");
  const SampleReceived next = receiver->receive(soon());
  RETORT_EXPECT(next.kind == ReceiveKind::kReceived && next.sample->id.task == 8,
                "the next group does not arrive");
  // Its assignment is nobody's any more; that of another group is.
  const auto tasks = channel->task_sender();
  Assignment assignment = make_assignment(3);
  assignment.step = 2;
  RETORT_EXPECT(tasks->send(assignment, soon()) == SendResult::kSent, "no assignment is taken");
  assignment.task_index = 4;
  RETORT_EXPECT(tasks->send(assignment, soon()) == SendResult::kSent, "no assignment is taken");
  receiver->give_up(2, 3);
  const auto worker = channel->task_receiver();
  const AssignmentReceived received = worker->receive(soon());
  RETORT_EXPECT(received.kind == ReceiveKind::kReceived, "no assignment arrives");
  RETORT_EXPECT(received.assignment->task_index == 4, "a group given up is assigned");
  return "";
}

std::string a_broken_connection_loses_nothing(const ChannelMaker& make) {
  const auto channel = make(8);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  for (uint32_t slot = 0; slot < 4; ++slot) sender->send(make_sample(1, 0, slot), soon());
  std::set<SampleId> seen;
  const SampleReceived first = receiver->receive(soon());
  const SampleReceived second = receiver->receive(soon());
  RETORT_EXPECT(first.kind == ReceiveKind::kReceived && second.kind == ReceiveKind::kReceived,
                "what was sent does not arrive");
  seen.insert(first.sample->id);
  seen.insert(second.sample->id);
  receiver->ack(first.sample->id);
  channel->break_connection();
  RETORT_EXPECT(sender->send(make_sample(1, 0, 4), soon()) == SendResult::kSent,
                "no send after the break");
  for (int i = 0; i < 3; ++i) {
    const SampleReceived received = receiver->receive(soon());
    RETORT_EXPECT(received.kind == ReceiveKind::kReceived, "a sample is lost with the connection");
    RETORT_EXPECT(seen.insert(received.sample->id).second,
                  "a receiver hands a sample out twice after the break");
    receiver->ack(received.sample->id);
  }
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "a copy is handed out after the break");
  RETORT_EXPECT(sender->flush(briefly()) == SendResult::kTimeout,
                "an unacknowledged sample is forgotten");
  receiver->ack(second.sample->id);
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kSent,
                "an acknowledgement is lost with the connection");
  return "";
}

std::string a_new_receiver_gets_what_was_not_acknowledged(const ChannelMaker& make) {
  const auto channel = make(8);
  auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  std::vector<Sample> all;
  for (uint32_t slot = 0; slot < 5; ++slot) {
    all.push_back(make_sample(1, 0, slot));
    sender->send(all.back(), soon());
  }
  std::set<SampleId> acknowledged;
  for (int i = 0; i < 4; ++i) {
    const SampleReceived received = receiver->receive(soon());
    RETORT_EXPECT(received.kind == ReceiveKind::kReceived, "what was sent does not arrive");
    if (i % 2 == 1) continue;
    receiver->ack(received.sample->id);
    acknowledged.insert(received.sample->id);
  }
  receiver.reset();
  receiver = channel->sample_receiver();
  std::erase_if(all, [&](const Sample& sample) { return acknowledged.contains(sample.id); });
  // A learner that was started anew is found by its workers when they next say something.
  std::vector<Sample> again;
  for (size_t i = 0; i < all.size(); ++i) {
    SampleReceived received = receiver->receive(soon());
    if (received.kind != ReceiveKind::kReceived) break;
    receiver->ack(received.sample->id);
    again.push_back(std::move(*received.sample));
  }
  for (Sample& sample : drain(*receiver, briefly, true)) again.push_back(std::move(sample));
  RETORT_EXPECT(again.size() == all.size(),
                std::to_string(again.size()) + " samples after the restart where " +
                    std::to_string(all.size()) + " were unacknowledged");
  RETORT_EXPECT(ordered_bytes(again) == ordered_bytes(all),
                "other samples than the unacknowledged come again");
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kSent,
                "the new receiver's acknowledgements do not count");
  return "";
}

std::string closed_when_all_senders_are(const ChannelMaker& make) {
  const auto channel = make(4);
  const auto receiver = channel->sample_receiver();
  const auto first = channel->sample_sender();
  auto second = channel->sample_sender();
  first->send(make_sample(1, 0, 0), soon());
  first->close();
  RETORT_EXPECT(first->send(make_sample(1, 0, 1), soon()) == SendResult::kClosed,
                "a closed sender sends");
  const SampleReceived received = receiver->receive(soon());
  RETORT_EXPECT(received.kind == ReceiveKind::kReceived, "what a closed sender had sent is lost");
  receiver->ack(received.sample->id);
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "closed while a sender is open");
  second->send(make_sample(1, 0, 2), soon());
  second.reset();
  const SampleReceived last = receiver->receive(soon());
  RETORT_EXPECT(last.kind == ReceiveKind::kReceived, "what a destroyed sender had sent is lost");
  RETORT_EXPECT(receiver->receive(briefly()).kind == ReceiveKind::kTimeout,
                "closed before the last ack");
  receiver->ack(last.sample->id);
  RETORT_EXPECT(receiver->receive(soon()).kind == ReceiveKind::kClosed,
                "not closed although all senders are");
  return "";
}

std::string closing_the_receiver_ends_a_waiting_send(const ChannelMaker& make) {
  const auto channel = make(1);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  sender->send(make_sample(1, 0, 0), soon());
  std::atomic<SendResult> result = SendResult::kSent;
  std::thread waiting([&] { result = sender->send(make_sample(1, 0, 1), soon()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  receiver->close();
  waiting.join();
  RETORT_EXPECT(result == SendResult::kClosed, "a waiting send does not end with the receiver");
  RETORT_EXPECT(sender->send(make_sample(1, 0, 2), soon()) == SendResult::kClosed,
                "a send after the close");
  RETORT_EXPECT(sender->flush(soon()) == SendResult::kClosed,
                "a flush after the close waits or lies");
  RETORT_EXPECT(receiver->receive(soon()).kind == ReceiveKind::kClosed,
                "a closed receiver receives");
  return "";
}

// Runs `wait`, which must end by its deadline of 0.3 s, and looks at current_waits() meanwhile.
std::string waits_visibly(const char* name, const std::function<bool()>& wait) {
  std::atomic<bool> timed_out = false;
  const auto start = std::chrono::steady_clock::now();
  std::thread waiting([&] { timed_out = wait(); });
  std::vector<WaitRow> rows;
  while (rows.empty() &&
         std::chrono::steady_clock::now() - start < std::chrono::milliseconds(250)) {
    rows = current_waits();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  waiting.join();
  const double waited =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string what(name);
  RETORT_EXPECT(timed_out, what + " does not say that its deadline passed");
  RETORT_EXPECT(waited > 0.25, what + " ends before its deadline");
  RETORT_EXPECT(waited < 0.3 + patience_s / 2, what + " outlives its deadline");
  RETORT_EXPECT(!rows.empty(), what + " is not in current_waits()");
  RETORT_EXPECT(!rows[0].reason.empty() && !rows[0].holder.empty(),
                what + " has no reason or holder");
  RETORT_EXPECT(rows[0].left_s <= 0.3, what + " does not know its deadline");
  return "";
}

std::string waits_have_deadline_reason_and_holder(const ChannelMaker& make) {
  const auto channel = make(1);
  const auto receiver = channel->sample_receiver();
  const auto sender = channel->sample_sender();
  const auto task_sender = channel->task_sender();
  const auto task_receiver = channel->task_receiver();
  std::string said, task_said;
  const auto deadline = [] { return Deadline::after(0.3); };
  const auto in_order = [&]() -> std::string {
    std::string problem = waits_visibly("receive", [&] {
      const SampleReceived received = receiver->receive(deadline());
      said = received.waited;
      return received.kind == ReceiveKind::kTimeout;
    });
    if (!problem.empty()) return problem;
    problem = waits_visibly("receive of a task", [&] {
      const AssignmentReceived received = task_receiver->receive(deadline());
      task_said = received.waited;
      return received.kind == ReceiveKind::kTimeout;
    });
    if (!problem.empty()) return problem;
    sender->send(make_sample(1, 0, 0), soon());
    problem = waits_visibly("send", [&] {
      return sender->send(make_sample(1, 0, 1), deadline()) == SendResult::kTimeout;
    });
    if (!problem.empty()) return problem;
    problem =
        waits_visibly("flush", [&] { return sender->flush(deadline()) == SendResult::kTimeout; });
    if (!problem.empty()) return problem;
    task_sender->send(make_assignment(0), soon());
    return waits_visibly("send of a task", [&] {
      return task_sender->send(make_assignment(1), deadline()) == SendResult::kTimeout;
    });
  };
  const std::string problem = in_order();
  RETORT_EXPECT(problem.empty(), problem);
  RETORT_EXPECT(said.find("held by") != std::string::npos,
                "a time-out of receive does not say who holds it");
  RETORT_EXPECT(task_said.find("held by") != std::string::npos,
                "a time-out of a task's receive does not say who holds it");
  RETORT_EXPECT(current_waits().empty(), "a wait that ended is still listed");
  return "";
}

std::string each_assignment_reaches_one_worker(const ChannelMaker& make) {
  constexpr uint32_t kAssignments = 60;
  const auto channel = make(4);
  const auto sender = channel->task_sender();
  std::mutex mutex;
  std::map<uint32_t, std::vector<Assignment>> taken;
  std::vector<std::thread> workers;
  std::vector<std::unique_ptr<TaskReceiver>> receivers;
  for (int w = 0; w < 3; ++w) receivers.push_back(channel->task_receiver());
  for (auto& receiver : receivers)
    workers.emplace_back([&mutex, &taken, receiver = receiver.get()] {
      for (;;) {
        AssignmentReceived received = receiver->receive(soon());
        if (received.kind != ReceiveKind::kReceived) return;
        const std::lock_guard lock(mutex);
        taken[received.assignment->task_index].push_back(std::move(*received.assignment));
      }
    });
  bool sent = true;
  for (uint32_t i = 0; i < kAssignments; ++i)
    sent = sent && sender->send(make_assignment(i), soon()) == SendResult::kSent;
  sender->close();
  for (std::thread& worker : workers) worker.join();
  RETORT_EXPECT(sent, "an assignment is refused although workers take them");
  RETORT_EXPECT(sender->send(make_assignment(0), soon()) == SendResult::kClosed,
                "a closed sender sends");
  RETORT_EXPECT(taken.size() == kAssignments, "an assignment is lost");
  for (const auto& [index, copies] : taken) {
    RETORT_EXPECT(copies.size() == 1, "an assignment reaches two workers");
    RETORT_EXPECT(copies[0] == make_assignment(index), "an assignment changed on the way");
  }
  RETORT_EXPECT(receivers[0]->receive(soon()).kind == ReceiveKind::kClosed,
                "not closed after the last");
  return "";
}

constexpr ChannelCheck kChecks[] = {
    {"EverythingArrivesOnce", everything_arrives_once},
    {"CreditsBoundWhatIsUnacknowledged", credits_bound_what_is_unacknowledged},
    {"FlushWaitsForAcknowledgements", flush_waits_for_acknowledgements},
    {"CopiesAreDropped", copies_are_dropped},
    {"SettledStepsTakeNoMoreSamples", settled_steps_take_no_more_samples},
    {"AGroupGivenUpTakesNoMoreSamples", a_group_given_up_takes_no_more_samples},
    {"ABrokenConnectionLosesNothing", a_broken_connection_loses_nothing},
    {"ANewReceiverGetsWhatWasNotAcknowledged", a_new_receiver_gets_what_was_not_acknowledged},
    {"ClosedWhenAllSendersAre", closed_when_all_senders_are},
    {"ClosingTheReceiverEndsAWaitingSend", closing_the_receiver_ends_a_waiting_send},
    {"WaitsHaveDeadlineReasonAndHolder", waits_have_deadline_reason_and_holder},
    {"EachAssignmentReachesOneWorker", each_assignment_reaches_one_worker},
};

}  // namespace

std::span<const ChannelCheck> channel_checks() { return kChecks; }

std::string run_check(const ChannelCheck& check, const ChannelMaker& make, double patience) {
  patience_s = patience;
  return check.problem(make);
}

}  // namespace retort::tests
