#pragma once
// WorkerPool: the learner's side of rollout workers that are processes of their own. It owns the
// channel they connect to and, for `train --workers N`, the processes themselves: it starts them,
// watches them (exit, signal, silence), starts them again, and ends them with this process.
#include "base/channel/remote.h"
#include "base/channel/zeromq.h"
#include "base/child_process.h"
#include "policy/weights.h"
#include "tools/retort/run_config.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace retort {

// Where workers come from.
struct WorkerPlan {
  int64_t processes = 0;            // to start and watch here
  ZeromqLearnerOptions connection;  // where workers from elsewhere connect to; empty endpoint: none
  std::string run_token;            // empty: a new one
  double silence_s = ChannelTiming{}.silence_s;  // then what a worker holds is another's
  bool remote() const { return processes > 0 || !connection.endpoint.empty(); }
};

class WorkerPool {
 public:
  // Opens the channel. UserError for an endpoint that cannot be had. `credits`: unacknowledged
  // samples of a worker, as many as a step has.
  WorkerPool(const WorkerPlan& plan, const RunConfig& config, size_t credits);
  ~WorkerPool();  // as finish(), without patience

  RemoteLearner& channel() { return *channel_; }
  const std::string& endpoint() const { return endpoint_; }
  const std::string& run_token() const { return identity_.run_token; }

  // Starts the processes on the configuration that the run has resolved; what they print goes to
  // RUN/worker-N.log. Says where workers from elsewhere connect to, and writes the token they need
  // to RUN/token.
  void start(const std::string& run_dir);
  // From here on workers can have the weights of this Version.
  void publish(const Weights& weights, const Version& version);
  // Looks after the processes: what ended or fell silent is told to the channel and started again.
  // InternalError with the last line it printed when a worker fails again and again and none has
  // given a sample yet; else it is started again, after a pause that grows. Cheap; to be called
  // while samples are waited for.
  void watch();
  // Nobody is connected and nobody is started from here.
  bool is_empty() const { return processes_.empty() && !any(); }
  // Who has assignments that are not complete: "worker 2 (3 assignments, silent for 12 s)".
  std::string holders() const;
  bool any() const { return !channel_->workers().empty(); }  // is connected
  // The run is over: workers are told, and its own processes waited for. `resumed`: workers from
  // elsewhere may still be looking for this learner's predecessor, and are given time to come and
  // hear it.
  void finish(bool resumed);

 private:
  struct Process {
    std::string name;
    std::unique_ptr<ChildProcess> child;
    Deadline::Clock::time_point started;
    bool greeted = false;  // since it was started
    double away_s = 0;     // seconds of watching in which the channel, which had it, has lost it
    int failures = 0;      // in a row, each soon after its start and with no sample given
    Deadline::Clock::time_point start_at;  // when it is to be started again
  };
  void start(Process& process);
  void replace(Process& process, const std::string& ended);  // now or after a pause
  std::string log_path(const Process& process) const;

  ChannelIdentity identity_;
  std::string endpoint_;
  bool has_keys_ = false;
  std::string run_dir_;
  int64_t most_samples_ = 0, threads_ = 0;  // of a process
  double silence_s_ = 0;
  Deadline::Clock::time_point watched_;
  Deadline::Clock::time_point opened_ = Deadline::Clock::now();
  std::unique_ptr<RemoteLearner> channel_;
  std::vector<Process> processes_;
  bool gave_samples_ = false;  // any of them, ever: what they need to run is there
};

// Environment variable that hands the token of a run to its workers.
inline constexpr const char* kRunTokenVariable = "RETORT_RUN_TOKEN";
// RUN/token, where a learner that made up its token leaves it.
std::string token_path(const std::string& run_dir);
// The token in a file. UserError when there is none.
std::string read_token(const std::string& path);
// 32 hex digits of the system's random numbers.
std::string new_run_token();

// What a learner and its workers must share: program, settings that decide samples, tokenizer.
ChannelIdentity channel_identity(const RunConfig& config, const std::string& model_dir,
                                 const std::string& run_token);

}  // namespace retort
