#pragma once
// The options by which a learner and a worker on the command line find and trust each other.
#include "base/channel/wire.h"
#include "base/channel/zeromq.h"
#include "tools/retort/arguments.h"

#include <memory>
#include <string>

namespace retort {

struct WorkerConnectionOptions {
  std::string endpoint, keys, learner_key, token_file;
};
void add_worker_connection(Arguments& parser, WorkerConnectionOptions& options);
std::unique_ptr<Wire> worker_wire(const WorkerConnectionOptions& options);
// The token of the run: from the file, else from the environment (RETORT_RUN_TOKEN). UserError
// when there is none.
std::string worker_token(const WorkerConnectionOptions& options);

// UserError for a --silence-s that heartbeats of a second cannot keep.
void check_silence(double silence_s);

struct LearnerConnectionOptions {
  std::string endpoint, keys, worker_keys, token_file;
};
void add_learner_connection(Arguments& parser, LearnerConnectionOptions& options);
ZeromqLearnerOptions learner_connection(const LearnerConnectionOptions& options);
// The wire at that endpoint: over ZeroMQ, or through a folder (file:FOLDER).
std::unique_ptr<Wire> learner_wire(const ZeromqLearnerOptions& connection);
// The same as options of a command: " --listen tcp://127.0.0.1:5555".
std::string repeated(const LearnerConnectionOptions& options);
// The token in the file or the environment, "" when neither is given.
std::string learner_token(const LearnerConnectionOptions& options);

}  // namespace retort
