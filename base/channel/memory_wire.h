#pragma once
// Wires within one process: the ground on which the protocol is tested without sockets.
#include "base/channel/wire.h"

#include <memory>

namespace retort {

// Its ends keep it alive. Any thread.
class MemoryHub {
 public:
  MemoryHub();
  std::unique_ptr<Wire> learner_wire();  // one at a time
  std::unique_ptr<Wire> worker_wire();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace retort
