#include "base/wait_zeromq.h"

#include "base/check.h"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace retort {

int rest_zmq_poll(std::span<zmq_pollitem_t> items, Deadline deadline) {
  // Rounded up, so that the deadline has passed when it returns 0.
  const double left = std::clamp(std::ceil(deadline.seconds_left() * 1e3), 0.0, 3.6e6);
  const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), static_cast<long>(left));
  if (ready < 0 && errno != EINTR) RT_CHECK_EQ(errno, 0) << "zmq_poll";
  return std::max(ready, 0);
}

}  // namespace retort
