#pragma once
// Waits on descriptors and processes, under the rules of base/wait.h.
#include "base/wait.h"

#include <poll.h>
#include <sys/types.h>

#include <optional>
#include <span>

namespace retort {

// poll() until one of `descriptors` is ready or the deadline passes; how many are ready, 0 at the
// deadline. A signal does not end it. A deadline that has passed still looks once.
int wait_poll(std::span<pollfd> descriptors, const WaitScope& what_for, Deadline deadline);

// Rests until one of `descriptors` is ready, however long: for a thread that only ends the process
// then. Nobody waits for it, so it is not listed.
void rest_poll(std::span<pollfd> descriptors);

// Reaps the child; its status as waitpid gives it, nullopt when it still runs at the deadline.
std::optional<int> wait_exit(pid_t child, const WaitScope& what_for, Deadline deadline);

}  // namespace retort
