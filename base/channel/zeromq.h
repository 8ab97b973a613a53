#pragma once
// Wires over ZeroMQ: the learner's end is a ROUTER that binds, a worker's end a DEALER that
// connects and connects again by itself. TCP (tcp://HOST:PORT) and IPC (ipc://PATH).
//
// Loopback and IPC need no keys. Every other endpoint needs CURVE keys on both sides
// (curve_keys.h): UserError without them, before a socket is opened. A worker whose key the learner
// does not list is refused before its first message, and logged with its address; so is a peer
// whose handshake fails, one of ZeroMQ before 4.0, and one too many (zeromq_accept.h).
#include "base/channel/curve_keys.h"
#include "base/channel/wire.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace retort {

struct ZeromqLearnerOptions {
  std::string endpoint;           // tcp://*:5555, tcp://127.0.0.1:* (any free port), ipc:///run/x
  std::optional<CurveKeys> keys;  // the learner's pair
  std::vector<std::string> worker_keys;  // public keys of the workers that may come
};
struct ZeromqWorkerOptions {
  std::string endpoint;
  std::optional<CurveKeys> keys;  // the worker's pair
  std::string learner_key;        // the learner's public key
};

// UserError at `endpoint`: it is no endpoint, is in use, cannot be had, or lacks keys.
std::unique_ptr<Wire> zeromq_learner_wire(const ZeromqLearnerOptions& options);
std::unique_ptr<Wire> zeromq_worker_wire(const ZeromqWorkerOptions& options);

// Whether an endpoint is reached from this machine only: ipc://, or TCP at 127.0.0.0/8, [::1] or
// localhost. UserError when it is no endpoint of TCP or IPC.
bool is_loopback(const std::string& endpoint);

}  // namespace retort
