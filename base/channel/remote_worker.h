#pragma once
// The inside of RemoteWorker (remote.h): what its ends share with the thread of the wire.
//   remote_worker.cpp       the ends and what they ask for, any thread
//   remote_worker_wire.cpp  the thread of the wire: greeting, session, versions
#include "base/channel/link.h"
#include "base/channel/protocol.h"
#include "base/channel/remote.h"

#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace retort {

class RemoteWorker::State {
 public:
  State(std::unique_ptr<Wire> wire, WorkerOptions options);

  // ---- any thread
  ConnectResult connect(Deadline deadline);
  void open_sender();
  SendResult send(const Sample& sample, Deadline deadline);
  SendResult flush(Deadline deadline);
  void close_sender();
  AssignmentReceived receive_task(Deadline deadline);
  VersionReceived version(uint32_t number, Deadline deadline, const std::function<bool()>& give_up);
  void reconnect();
  void stop();  // ends run()
  double silent_s() const;
  ChannelCounts counts() const;

  // ---- the thread of the wire
  void run();

 private:
  // What is to be fetched.
  struct Fetch {
    uint32_t number = 0;
    bool asked = false;  // in this session
    std::unique_ptr<VersionAssembly> assembly;
    uint64_t requested = 0;          // bytes asked for in this session, from the start
    std::optional<ChunkRange> next;  // where the next chunk belongs; its length 0: nowhere
  };

  std::string waited_text(const WaitScope& what) const;  // the mutex is held
  std::string trouble_text() const;                      // the mutex is held
  double seconds_silent() const;                         // the mutex is held
  bool is_closed() const;                                // the mutex is held
  bool version_is_here(uint32_t number) const;           // the mutex is held
  bool is_of_a_predecessor() const;                      // the last assignment; the mutex is held

  // remote_worker_wire.cpp
  void handle(const WireArrival& arrival, LinkTime now);
  void on_welcome(const Packet& packet, LinkTime now);
  void say_hello(LinkTime now);
  bool deliver(uint8_t kind, const SharedBytes& body);
  bool on_acknowledged(std::span<const uint8_t> bytes);
  bool on_assignment(std::span<const uint8_t> bytes);
  void send_all_again();
  void start_over();
  void speak(LinkTime now);
  void push(WorkerSays kind, std::vector<uint8_t> bytes);
  void garbage();
  bool on_table(std::span<const uint8_t> bytes);
  bool on_gone(std::span<const uint8_t> bytes);
  bool on_chunk(std::span<const uint8_t> bytes);
  void fetch();
  void end_fetch(std::shared_ptr<const VersionBytes> version, const std::string& problem,
                 bool over = false);
  LinkTime look_at_clock();
  LinkTime next_due(LinkTime now) const;

  // Constant after construction.
  const WorkerOptions options_;
  const Hello hello_;
  const std::unique_ptr<Wire> wire_;

  // Of the thread of the wire.
  uint64_t greeting_;  // names the session that is asked for or held
  LinkTime hello_due_{};
  double hello_every_s_ = 0;
  std::optional<Link> link_;
  LinkTime reset_due_;
  uint64_t resent_before_ = 0;
  uint64_t limit_told_ = 0;
  uint64_t assignments_received_ = 0;  // in this session
  bool closed_told_ = false;
  std::optional<Fetch> fetch_;
  std::shared_ptr<const VersionBytes> spare_;  // the Version before the last: memory for the next

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // anything below changed

  // Guarded by mutex_.
  bool greeted_ = false;  // in a session
  bool was_greeted_ = false;
  std::string refusal_;
  uint64_t credits_ = 0;
  uint64_t learner_ = 0;  // its instance
  LinkTime heard_;        // the last word of the learner
  LinkTime clock_seen_;   // when the wire's thread looked at it last
  std::map<SampleId, SharedBytes> unacknowledged_;
  std::vector<SharedBytes> outbox_;  // of them, what the wire's thread has not taken
  bool has_sender_ = false;
  bool sender_closed_ = false;
  bool receiver_closed_ = false;
  std::deque<Assignment> assignments_;
  uint64_t assigned_by_ = 0;  // instance of the learner whose assignment was handed out last
  size_t tasks_wanted_ = 0;   // receivers that wait
  bool tasks_closed_ = false;
  std::optional<uint32_t> version_wanted_;
  std::shared_ptr<const VersionBytes> version_;
  uint64_t version_learner_ = 0;  // instance of the learner it came from
  std::string version_problem_;   // why the one wanted cannot be had
  bool version_over_ = false;     // and that nobody asks for it
  bool reset_wanted_ = false;
  bool stopping_ = false;
  bool garbage_logged_ = false;
  ChannelCounts counts_;
};

}  // namespace retort
