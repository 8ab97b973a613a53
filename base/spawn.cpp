#include "base/spawn.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t

namespace retort {

int spawn_in_own_group(pid_t* child, const char* path, const posix_spawn_file_actions_t& actions,
                       char* const* arguments, char* const* environment) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  const int error = ::posix_spawn(child, path, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace retort
