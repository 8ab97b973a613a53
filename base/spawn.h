#pragma once
// The one way in which this program starts another.
#include <spawn.h>
#include <sys/types.h>

namespace retort {

// posix_spawn in a process group of the child's own, so that Ctrl-C in a terminal does not reach
// it, and with no signal blocked, whatever the calling thread blocks. 0 and `*child`, or the error.
// (Not fork: a process with many threads, much memory or a GPU is not copied.)
int spawn_in_own_group(pid_t* child, const char* path, const posix_spawn_file_actions_t& actions,
                       char* const* arguments, char* const* environment);

}  // namespace retort
