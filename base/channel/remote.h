#pragma once
// The channel between processes (base/channel/channel.h) over any wire: one RemoteLearner, a
// RemoteWorker in each worker's process. Workers come and go.
//
//   auto learner = RemoteLearner(zeromq_learner_wire({"tcp://127.0.0.1:5555"}), {identity, 256});
//   auto worker = RemoteWorker(zeromq_worker_wire({"tcp://127.0.0.1:5555"}), {identity, "worker
//   1"}); if (worker.connect(Deadline::after(30)).kind != ConnectKind::kConnected) …
//
// What holds beyond channel.h:
//   - Hello. A worker says the protocol's revision, its build, the digest of its configuration and
//     the run token; a learner that has others refuses it, says which differs, and logs it.
//   - Credits are a worker's: each may have `credits` samples unacknowledged.
//   - Silence. Who was not heard for `silence_s` is lost, and so is a worker whose connection was
//     closed and that does not come back within three seconds. A worker that is lost, or says
//     goodbye, has what is missing of its assignments assigned again; one that comes back is
//     greeted anew and sends again what was not acknowledged. A learner that is lost is looked for
//     until a deadline ends the wait.
//   - Assignments are pulled: one is handed to a worker when its TaskReceiver waits for one.
//   - Versions of the weights are pulled too: see version_stream.h.
//   - Bytes that are no message of the protocol are counted, logged once a peer, and dropped.
//
// Each object has a thread of its own for its wire. All functions from any thread. The ends keep
// the state alive, not the thread: once the object is gone they are closed.
#include "base/channel/channel.h"
#include "base/channel/version_stream.h"
#include "base/channel/wire.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace retort {

inline constexpr uint32_t kProtocolRevision = 1;

// What both sides must have in common.
struct ChannelIdentity {
  std::string build;          // version and revision of the program
  std::string config_digest;  // of the resolved configuration, paths and logging left out
  std::string run_token;      // secret of the run; never logged
};

struct ChannelTiming {
  double heartbeat_s = 1;  // at most this long without a word to a peer
  double silence_s = 15;   // after this long without a word from a peer it is lost
};

struct LearnerOptions {
  ChannelIdentity identity;
  size_t credits = 256;  // >= 1: unacknowledged samples of a worker, and assignments that wait
  ChannelTiming timing;
};

// A worker as the learner sees it.
struct WorkerRow {
  std::string name;
  std::string from;           // address
  double silent_s = 0;        // since its last word
  size_t assignments = 0;     // handed to it and not complete
  size_t unacknowledged = 0;  // samples of it that were received and not acknowledged
  uint64_t samples = 0;       // received of it since it was greeted, copies too
};

// What happened on the wire since the start.
struct ChannelCounts {
  uint64_t greeted = 0;     // hellos accepted
  uint64_t refused = 0;     // hellos refused
  uint64_t lost = 0;        // peers lost by silence
  uint64_t garbage = 0;     // messages that are none of the protocol, or damaged
  uint64_t resent = 0;      // packets sent again
  uint64_t copies = 0;      // samples dropped because their id was here
  uint64_t reassigned = 0;  // assignments that lost their worker
};

class RemoteLearner {
 public:
  RemoteLearner(std::unique_ptr<Wire> wire, LearnerOptions options);
  ~RemoteLearner();  // says goodbye to nobody: workers look for its successor, unless the receiver
                     // of samples was closed
  RemoteLearner(const RemoteLearner&) = delete;
  RemoteLearner& operator=(const RemoteLearner&) = delete;

  // One at a time (checked). A later one gets what workers hold unacknowledged; what was lost with
  // its worker has to be assigned again. kClosed for receive(): a worker was here, all that were
  // have closed their senders, said goodbye or ended (lose()), everything is acknowledged, and no
  // assignment waits. A worker that fell silent is expected back.
  std::unique_ptr<SampleReceiver> sample_receiver();
  // After close() an assignment that loses its worker still waits for one that asks.
  std::unique_ptr<TaskSender> task_sender();
  // From here on workers can have this Version. The newest two are kept. RT_CHECK: the bytes have
  // the digest that the Version names.
  void publish(VersionBytes version);

  // Whoever started this worker knows that its process ended: it is lost at once and for good.
  void lose(const std::string& worker);

  std::vector<WorkerRow> workers() const;  // those that are connected, by name
  ChannelCounts counts() const;

 private:
  class State;
  class ReceiverEnd;
  class TaskSenderEnd;
  std::shared_ptr<State> state_;
  WaitedThread thread_;
};

struct WorkerOptions {
  ChannelIdentity identity;
  std::string name;  // for a reader: "worker 2"
  ChannelTiming timing;
  uint64_t max_version_bytes = uint64_t{1} << 40;  // a larger Version is refused before memory is
};

enum class ConnectKind { kConnected, kRefused, kTimeout, kClosed };
struct ConnectResult {
  ConnectKind kind = ConnectKind::kTimeout;
  std::string text;  // refused: which differs, with both values; time-out: for what, held by whom
  std::string trouble;  // time-out: why nothing comes, as far as is known
};

class RemoteWorker {
 public:
  RemoteWorker(std::unique_ptr<Wire> wire, WorkerOptions options);
  ~RemoteWorker();  // says goodbye; what is unacknowledged is dropped: flush() first
  RemoteWorker(const RemoteWorker&) = delete;
  RemoteWorker& operator=(const RemoteWorker&) = delete;

  // Waits until the learner has greeted this worker. Ends may be used before: they wait too.
  ConnectResult connect(Deadline deadline);

  // One (checked). kClosed for its send() after a refusal too.
  std::unique_ptr<SampleSender> sample_sender();
  std::unique_ptr<TaskReceiver> task_receiver();  // any number
  // The Version of this number, whole and with its digest checked. The last one is kept until the
  // next is whole, so asking for it again costs nothing. `give_up` is asked every half second: true
  // ends the wait as the deadline does.
  VersionReceived version(uint32_t number, Deadline deadline,
                          const std::function<bool()>& give_up = {});

  // Gives the connection up and makes it anew, as happens by itself after `silence_s` of silence.
  void reconnect();

  double silent_s() const;  // since the last word of the learner, or since the start
  ChannelCounts counts() const;

 private:
  class State;
  class SenderEnd;
  class TaskReceiverEnd;
  std::shared_ptr<State> state_;
  WaitedThread thread_;
};

}  // namespace retort
