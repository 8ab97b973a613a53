#include "tools/retort/machine.h"

#include "base/wait_system.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace retort {
namespace {

constexpr double kChildSeconds = 10;
// The first version writes "no limit" as the largest multiple of a page.
constexpr int64_t kNoMemoryLimit = int64_t{1} << 60;

std::optional<std::string> text_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::optional<int64_t> number_in(const std::string& path) {
  const std::optional<std::string> text = text_of(path);
  return text ? number(*text) : std::nullopt;
}

// The folders of this process's group and of all above it: where the controller is mounted, then
// the path in it. In a container the path may be of the host; what is not there is passed over.
std::vector<std::string> group_folders(const MachineRoot& root, const std::string& controller) {
  std::vector<std::string> folders;
  std::istringstream lines(text_of(root.path + "/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    // "HIERARCHY:CONTROLLERS:PATH"; version 2 is "0::PATH".
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers(1, ',');
    controllers.append(line, first + 1, second - first - 1).push_back(',');
    const bool unified = controllers == ",,";
    if (!unified && controllers.find("," + controller + ",") == std::string::npos) continue;
    std::vector<std::string> mounts = {root.path + "/sys/fs/cgroup" +
                                       (unified ? "" : "/" + controller)};
    if (!unified && controller == "cpu") mounts.push_back(root.path + "/sys/fs/cgroup/cpu,cpuacct");
    if (unified) mounts.push_back(root.path + "/sys/fs/cgroup/unified");
    std::string path = line.substr(second + 1);
    while (!path.empty() && path.back() == '/') path.pop_back();
    for (;;) {
      for (const std::string& mount : mounts) folders.push_back(mount + path);
      if (path.empty()) break;
      path.erase(path.rfind('/'));
    }
  }
  return folders;
}

template <class Number>
void take_least(std::optional<Number>& least, std::optional<Number> value) {
  if (value && (!least || *value < *least)) least = value;
}

Limit limit_of(__rlimit_resource_t resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return {};
  const auto value = [](rlim_t raw) {
    return raw == RLIM_INFINITY ? std::nullopt : std::optional(static_cast<int64_t>(raw));
  };
  return {value(limit.rlim_cur), value(limit.rlim_max)};
}

}  // namespace

int64_t affinity_cores() {
  // The set grows until it holds the machine's processors.
  for (int processors = 1024; processors <= (1 << 20); processors *= 2) {
    cpu_set_t* set = CPU_ALLOC(processors);
    const size_t bytes = CPU_ALLOC_SIZE(processors);
    const bool done = ::sched_getaffinity(0, bytes, set) == 0;
    const int64_t count = done ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (done) return count;
    if (errno != EINVAL) break;
  }
  return std::max<int64_t>(::sysconf(_SC_NPROCESSORS_ONLN), 1);
}

std::optional<double> cgroup_cores(const MachineRoot& root) {
  std::optional<double> least;
  for (const std::string& folder : group_folders(root, "cpu")) {
    if (const auto text = text_of(folder + "/cpu.max")) {  // "QUOTA PERIOD" or "max PERIOD"
      const auto quota = number(*text);
      const auto period =
          number(std::string_view(*text).substr(std::min(text->find(' ') + 1, text->size())));
      if (quota && period && *period > 0)
        take_least(least,
                   std::optional(static_cast<double>(*quota) / static_cast<double>(*period)));
    }
    const auto quota = number_in(folder + "/cpu.cfs_quota_us");  // -1: none
    const auto period = number_in(folder + "/cpu.cfs_period_us");
    if (quota && period && *quota > 0 && *period > 0)
      take_least(least, std::optional(static_cast<double>(*quota) / static_cast<double>(*period)));
  }
  return least;
}

std::optional<int64_t> cgroup_memory_bytes(const MachineRoot& root) {
  std::optional<int64_t> least;
  for (const std::string& folder : group_folders(root, "memory"))
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"}) {
      const auto bytes = number_in(folder + file);  // "max" is no number
      if (bytes && *bytes > 0 && *bytes < kNoMemoryLimit) take_least(least, bytes);
    }
  return least;
}

std::optional<Memory> machine_memory(const MachineRoot& root) {
  Memory memory;
  std::istringstream lines(text_of(root.path + "/proc/meminfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t kib = 0;
    if (!(words >> name >> kib)) continue;
    if (name == "MemTotal:") memory.total_bytes = kib * 1024;
    if (name == "MemAvailable:") memory.available_bytes = kib * 1024;
  }
  return memory.total_bytes > 0 ? std::optional(memory) : std::nullopt;
}

std::optional<int64_t> free_disk_bytes(const std::string& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) return std::nullopt;
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

std::string why_not_writable(const std::string& folder) {
  // A file without a name: it is gone when it is closed.
  const int file = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return "";
  }
  // File systems without such files: the permissions must do.
  if ((errno == EOPNOTSUPP || errno == EISDIR) && ::access(folder.c_str(), W_OK | X_OK) == 0)
    return "";
  return std::strerror(errno);
}

Limit open_files_limit() { return limit_of(RLIMIT_NOFILE); }
Limit processes_limit() { return limit_of(RLIMIT_NPROC); }
Limit locked_memory_limit() { return limit_of(RLIMIT_MEMLOCK); }
Limit address_space_limit() { return limit_of(RLIMIT_AS); }

std::string why_no_user_namespace() {
  const pid_t child = ::fork();
  if (child < 0) return std::strerror(errno);
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : (errno & 0x7F));
  const Deadline deadline = Deadline::after(kChildSeconds);
  const WaitScope scope("a child that makes a user namespace", "the kernel", deadline);
  const std::optional<int> status = wait_exit(child, scope, deadline);
  if (!status) ::kill(child, SIGKILL);
  if (!status || !WIFEXITED(*status)) return "the child that tried did not end by itself";
  return WEXITSTATUS(*status) == 0 ? "" : std::strerror(WEXITSTATUS(*status));
}

std::string command_for_user_namespaces(const MachineRoot& root) {
  const std::string kernel = root.path + "/proc/sys/kernel/";
  if (number_in(root.path + "/proc/sys/user/max_user_namespaces") == 0)
    return "as root: sysctl -w user.max_user_namespaces=15000";
  if (number_in(kernel + "unprivileged_userns_clone") == 0)
    return "as root: sysctl -w kernel.unprivileged_userns_clone=1";
  if (number_in(kernel + "apparmor_restrict_unprivileged_userns") == 1)
    return "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  return "";
}

}  // namespace retort
