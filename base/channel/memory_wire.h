#pragma once
// Wires within one process: the ground on which the protocol is tested without sockets.
#include "base/channel/wire.h"

#include <memory>

namespace retort {

// Its ends keep it alive. Any thread.
class MemoryHub {
 public:
  MemoryHub();
  std::unique_ptr<Wire> learner_wire();  // the newest is the learner
  std::unique_ptr<Wire> worker_wire();
  // What is on the way is lost, in both directions.
  void drop_everything();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace retort
