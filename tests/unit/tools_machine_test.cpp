// retort doctor: the kernel's files in every form they take, and the table that says what is
// missing.
#include "base/file.h"
#include "tests/temporary_folder.h"
#include "tools/retort/findings.h"
#include "tools/retort/loaded_library.h"
#include "tools/retort/machine.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/resource.h>

#include <fstream>

namespace retort {
namespace {

using namespace tests;

// A made-up root of the kernel's files.
class FakeRoot {
 public:
  void put(const std::string& path, const std::string& text) const {
    make_folder(folder_of(folder_.path() + path));
    std::ofstream(folder_.path() + path) << text;
  }
  MachineRoot root() const { return {folder_.path()}; }

 private:
  const TemporaryFolder folder_;
};

TEST(Machine, TheTightestQuotaOfTheGroupAndThoseAboveCounts) {
  const FakeRoot fake;
  EXPECT_EQ(cgroup_cores(fake.root()), std::nullopt);
  EXPECT_EQ(cgroup_memory_bytes(fake.root()), std::nullopt);
  fake.put("/proc/self/cgroup", "0::/a/b\n");
  fake.put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  fake.put("/sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(cgroup_cores(fake.root()), std::nullopt);
  EXPECT_EQ(cgroup_memory_bytes(fake.root()), std::nullopt);
  fake.put("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  fake.put("/sys/fs/cgroup/a/memory.max", "4294967296\n");
  EXPECT_EQ(cgroup_cores(fake.root()), 1.5);
  EXPECT_EQ(cgroup_memory_bytes(fake.root()), int64_t{4} << 30);
  fake.put("/sys/fs/cgroup/a/b/cpu.max", "20000 50000\n");
  fake.put("/sys/fs/cgroup/a/b/memory.max", "1073741824\n");
  EXPECT_EQ(cgroup_cores(fake.root()), 0.4);
  EXPECT_EQ(cgroup_memory_bytes(fake.root()), int64_t{1} << 30);
  // A group beside is not ours.
  fake.put("/sys/fs/cgroup/a/c/cpu.max", "1000 100000\n");
  EXPECT_EQ(cgroup_cores(fake.root()), 0.4);
}

TEST(Machine, AContainersOwnRootIsReadWhenThePathIsTheHosts) {
  const FakeRoot fake;
  fake.put("/proc/self/cgroup", "0::/system.slice/docker-1.scope\n");
  fake.put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cores(fake.root()), 3.0);
}

TEST(Machine, TheFirstVersionsControllersAreRead) {
  const FakeRoot fake;
  fake.put("/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/x\n3:cpuset:/y\n0::/\n");
  fake.put("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  fake.put("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  fake.put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(cgroup_cores(fake.root()), std::nullopt);
  EXPECT_EQ(cgroup_memory_bytes(fake.root()), std::nullopt) << "the largest number is no limit";
  fake.put("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n");
  fake.put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "2147483648\n");
  fake.put("/sys/fs/cgroup/cpuset/y/cpu.cfs_quota_us", "1000\n");
  EXPECT_EQ(cgroup_cores(fake.root()), 2.5);
  EXPECT_EQ(cgroup_memory_bytes(fake.root()), int64_t{2} << 30);
}

TEST(Machine, MemoryIsWhatTheKernelSays) {
  const FakeRoot fake;
  EXPECT_FALSE(machine_memory(fake.root()));
  fake.put("/proc/meminfo", "MemTotal:   2048 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n");
  const std::optional<Memory> memory = machine_memory(fake.root());
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total_bytes, 2048 * 1024);
  EXPECT_EQ(memory->available_bytes, 1024 * 1024);
  ASSERT_TRUE(machine_memory());
  EXPECT_GT(machine_memory()->total_bytes, machine_memory()->available_bytes);
}

TEST(Machine, TheSettingThatForbidsNamespacesIsNamed) {
  const FakeRoot fake;
  EXPECT_EQ(command_for_user_namespaces(fake.root()), "");
  fake.put("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
  EXPECT_NE(command_for_user_namespaces(fake.root()).find("apparmor_restrict"), std::string::npos);
  fake.put("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
  EXPECT_NE(command_for_user_namespaces(fake.root()).find("userns_clone=1"), std::string::npos);
  fake.put("/proc/sys/user/max_user_namespaces", "0\n");
  EXPECT_NE(command_for_user_namespaces(fake.root()).find("max_user_namespaces="),
            std::string::npos);
}

TEST(Machine, AffinityAndLimitsAreThoseOfTheProcess) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(affinity_cores(), CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(affinity_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);

  rlimit limit{}, lower{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  lower = limit;
  lower.rlim_cur = 77;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  EXPECT_EQ(open_files_limit().soft, 77);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(Machine, AFolderIsTriedAndStaysEmpty) {
  const TemporaryFolder folder;
  EXPECT_EQ(why_not_writable(folder.path()), "");
  EXPECT_TRUE(list_folder(folder.path()).empty());
  EXPECT_GT(free_disk_bytes(folder.path()).value_or(0), 0);
  EXPECT_NE(why_not_writable(folder.path() + "/none"), "");
  EXPECT_EQ(free_disk_bytes(folder.path() + "/none"), std::nullopt);
}

TEST(Machine, AnNvidiaDeviceIsKnownByItsVendor) {
  const FakeRoot fake;
  const std::string sysfs = fake.root().path + "/sys";
  EXPECT_FALSE(has_nvidia_device(sysfs));
  fake.put("/sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n");
  EXPECT_FALSE(has_nvidia_device(sysfs));
  fake.put("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x10de\n");
  EXPECT_TRUE(has_nvidia_device(sysfs));
}

TEST(Findings, WhatIsMissingIsNamedWithItsFix) {
  Findings findings = {{"cores", FindingState::kOk, "2", "", {{"affinity", 2}, {"quota", 1.5}}},
                       {"GPU", FindingState::kAbsent, "none"}};
  EXPECT_EQ(first_missing(findings), nullptr);
  EXPECT_TRUE(nlohmann::json::parse(findings_json(findings))["ready"]);
  EXPECT_NE(findings_table(findings, false).find("has what it needs"), std::string::npos);
  findings.push_back({"disk", FindingState::kMissing, "full\x1b[2J", "make room"});
  ASSERT_NE(first_missing(findings), nullptr);
  EXPECT_EQ(first_missing(findings)->name, "disk");
  const auto json = nlohmann::json::parse(findings_json(findings));
  EXPECT_FALSE(json["ready"]);
  EXPECT_EQ(json["findings"][0]["affinity"], 2);
  EXPECT_EQ(json["findings"][0]["quota"], 1.5);
  EXPECT_TRUE(json["findings"][1]["fix"].is_null());
  EXPECT_EQ(json["findings"][2]["fix"], "make room");
  const std::string table = findings_table(findings, false);
  EXPECT_NE(table.find("-> make room"), std::string::npos);
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_NE(findings_table(findings, true).find("\x1b[31m"), std::string::npos);
}

}  // namespace
}  // namespace retort
