#pragma once
// The rest of a thread that serves ZeroMQ sockets and descriptors (base/wait.h: it holds nobody
// up).
#include "base/wait.h"

#include <span>

struct zmq_pollitem_t;

namespace retort {

// zmq_poll() until one of `items` is ready or the deadline passes; how many are ready. A signal
// ends it too. A deadline that has passed still looks once.
int rest_zmq_poll(std::span<zmq_pollitem_t> items, Deadline deadline);

}  // namespace retort
