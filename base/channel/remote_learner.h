#pragma once
// The inside of RemoteLearner (remote.h): what its ends share with the thread of the wire.
//   remote_learner.cpp       the ends and what they ask for, any thread
//   remote_learner_wire.cpp  the thread of the wire: sessions and samples
//   remote_learner_gives.cpp the same thread: assignments and Versions
#include "base/channel/link.h"
#include "base/channel/protocol.h"
#include "base/channel/remote.h"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace retort {

class RemoteLearner::State {
 public:
  State(std::unique_ptr<Wire> wire, LearnerOptions options);

  // ---- any thread
  uint64_t open_receiver();  // its generation
  void drop_receiver();
  SampleReceived receive(uint64_t generation, Deadline deadline);
  void ack(const SampleId& id);
  void settle(uint32_t step);
  void give_up(uint32_t step, uint32_t task);
  void close_receiver();
  SendResult send_task(const Assignment& assignment, Deadline deadline);
  void close_tasks();
  void publish(VersionBytes version);
  void lose(const std::string& worker);
  void stop();  // ends run()
  std::vector<WorkerRow> workers() const;
  ChannelCounts counts() const;

  // ---- the thread of the wire
  void run();

 private:
  struct Session {
    Session(uint64_t name, const LinkTiming& timing, LinkTime now) : link(name, timing, now) {}
    Link link;
    std::string peer, from, worker;
    std::string departed;  // the peer whose connection was closed, until it speaks by another one
    LinkTime departed_at;
    uint64_t instance = 0;  // of the worker's process
    uint64_t limit = 0;     // assignments it may have been sent
    uint64_t assigned = 0;  // assignments it was sent
    size_t held = 0;        // samples of it that are not acknowledged
    uint64_t samples = 0;   // received of it
    bool sender_closed = false;
    bool gone = false;         // said goodbye
    bool told_closed = false;  // of the receiver
    std::optional<bool> told_task_state;
    std::optional<uint32_t> version_wanted;
    std::vector<SampleId> acknowledged;  // to be said
  };
  // A sample that arrived. `holders`: sessions that wait for its acknowledgement.
  struct Entry {
    bool acknowledged = false;
    std::vector<uint64_t> holders;
  };
  // An assignment that a session was sent and whose samples are not all here.
  struct Assigned {
    uint64_t session = 0;
    Assignment assignment;
    std::vector<bool> here;  // per slot
    size_t missing = 0;
  };
  struct Held {
    std::shared_ptr<const VersionBytes> version;
    std::vector<uint64_t> starts;  // of each tensor, and the end
  };
  // What the ends ask for, in order.
  struct Command {
    enum class Kind { kAck, kSettle, kGiveUp, kNewReceiver, kPublish, kLose } kind = Kind::kAck;
    SampleId id;          // of kGiveUp: step and task
    uint64_t number = 0;  // step, or generation
    std::shared_ptr<const VersionBytes> version;
    std::string worker;
  };

  void command(Command command);
  bool is_over() const;                     // the mutex is held
  bool unwanted(const SampleId& id) const;  // settled or given up; the mutex is held
  std::optional<Sample> take(uint64_t generation);

  // remote_learner_wire.cpp
  void obey(const Command& wanted);
  void handle(const WireArrival& arrival, LinkTime now);
  void greet(const WireArrival& arrival, const Packet& packet, LinkTime now);
  void send_packet(const std::string& peer, PacketKind kind, uint64_t session,
                   std::vector<uint8_t> content);
  bool deliver(Session& session, uint8_t kind, const SharedBytes& body);
  bool on_sample(Session& session, const SharedBytes& body);
  void release(const SampleId& id, Entry& entry);
  void lose_session(uint64_t name, const std::string& why, bool process_ended = false);
  void look_for_departed(LinkTime now);
  void speak(LinkTime now);
  void share(LinkTime now);
  LinkTime look_at_clock();
  std::vector<WorkerRow> look_at_workers(LinkTime now);
  void garbage(const std::string& from);
  LinkTime next_due() const;

  // remote_learner_gives.cpp
  void mark_here(const SampleId& id);
  void assign_again(uint64_t session);
  void dispatch();
  void send_table(Session& session, uint32_t number);
  bool send_chunk(Session& session, const ChunkRange& range);

  // Constant after construction.
  const LearnerOptions options_;
  const Hello own_;
  const uint64_t instance_;
  const std::unique_ptr<Wire> wire_;

  // Of the thread of the wire.
  std::map<uint64_t, Session> sessions_;
  std::map<SampleId, Entry> entries_;
  size_t unacknowledged_ = 0;  // entries that are not acknowledged
  std::multimap<std::pair<uint32_t, uint32_t>, Assigned> assigned_;  // by step and task index
  std::deque<Held> versions_;                                        // the newest at the end
  std::deque<Sample> arrived_;                                       // not shared yet
  std::set<uint64_t> missing_;    // workers' processes that fell silent and may come back
  uint64_t last_served_ = 0;      // session that got the last assignment
  std::set<std::string> logged_;  // peers whose garbage was logged, and in what peers differ
  uint64_t resent_before_ = 0;    // by sessions that are gone
  LinkTime look_again_{};         // at what the workers do
  LinkTime clock_seen_ = LinkClock::now();
  size_t sessions_seen_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // anything below changed

  // Guarded by mutex_.
  std::vector<Command> commands_;
  std::deque<Sample> ready_;
  std::optional<uint32_t> settled_step_;
  std::set<std::pair<uint32_t, uint32_t>> given_up_;  // step and task, after settled_step_
  bool has_receiver_ = false;
  uint64_t generations_ = 0;       // receivers there were
  uint64_t generation_ready_ = 0;  // the receiver whose samples `ready_` holds
  bool receiver_closed_ = false;
  bool samples_over_ = false;  // nothing will come any more, as far as the wire's thread knows
  std::deque<Assignment> assignments_;
  bool tasks_closed_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
  std::vector<WorkerRow> workers_;
  ChannelCounts counts_;
};

}  // namespace retort
