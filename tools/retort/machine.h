#pragma once
// What this machine gives a process: cores, memory, disk, limits, namespaces. Linux only.
#include <cstdint>
#include <optional>
#include <string>

namespace retort {

// Where the kernel's files are; tests give a folder of their own.
struct MachineRoot {
  std::string path;  // before "/proc", "/sys"; "" is the machine itself
};

// Cores that the scheduler may put this process on.
int64_t affinity_cores();

// What the control groups of this process allow, the tightest of its group and those above; both
// versions of the interface. nullopt: no limit.
std::optional<double> cgroup_cores(const MachineRoot& root = {});  // processors' time per time
std::optional<int64_t> cgroup_memory_bytes(const MachineRoot& root = {});

struct Memory {
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;  // without swapping (MemAvailable)
};
// nullopt when /proc/meminfo cannot be read.
std::optional<Memory> machine_memory(const MachineRoot& root = {});

// Bytes that a user who is not root can still write in `folder`; nullopt when it cannot be asked.
std::optional<int64_t> free_disk_bytes(const std::string& folder);
// Why no file can be made in `folder`, "" when one can. Leaves nothing there.
std::string why_not_writable(const std::string& folder);

struct Limit {
  std::optional<int64_t> soft;  // nullopt: none
  std::optional<int64_t> hard;
};
Limit open_files_limit();
Limit processes_limit();
Limit locked_memory_limit();  // bytes
Limit address_space_limit();  // bytes

// Why this process cannot make a user namespace, "" when it can: tried in a child.
std::string why_no_user_namespace();
// The command that allows them, by the setting that forbids them; "" when none of those known does.
std::string command_for_user_namespaces(const MachineRoot& root = {});

}  // namespace retort
