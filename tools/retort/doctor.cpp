// retort doctor: what this machine has and lacks, with the command that mends it. Everything is
// tried rather than read where that costs nothing; nothing is written.
#include "base/error.h"
#include "base/log.h"
#include "base/sqlite.h"
#include "kernels/dispatch.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/findings.h"
#include "tools/retort/loaded_library.h"
#include "tools/retort/machine.h"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace retort {
namespace {

// What the quickstart needs with room to spare: it takes 0.6 GiB, its run directory 10 MiB.
constexpr int64_t kNeededMemory = int64_t{1} << 30;
constexpr int64_t kNeededDisk = int64_t{256} << 20;
constexpr int64_t kNeededOpenFiles = 256;
constexpr int64_t kNeededProcesses = 128;  // threads count: a learner and two workers have some 30
constexpr int64_t kNeededAddressSpace = int64_t{2} << 30;  // libraries and stacks beside the memory

double as_number(const std::optional<int64_t>& limit) {
  return limit ? static_cast<double>(*limit) : -1;
}

std::string gib(int64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(1 << 30));
}

Finding find_instruction_set() {
  std::string names;
  for (const std::string_view set : kernels::supported_instruction_sets())
    names += (names.empty() ? "" : ", ") + std::string(set);
  if (names.empty())
    return {"instruction set", FindingState::kMissing, "this processor has no AVX2 with FMA",
            "run on a processor that has AVX2 and FMA"};
  return {"instruction set", FindingState::kOk, names};
}

Finding find_libtorch() {
  // Without its library this program would not have started.
  const bool cuda = at::globalContext().hasCUDA();
  return {"LibTorch", FindingState::kOk,
          fmt::format("{}.{}.{}, {}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH,
                      cuda ? "with CUDA" : "this build computes on a CPU")};
}

// Driver, then GPU.
void find_gpus(Findings& findings) {
  const std::optional<CudaDriver> driver = cuda_driver();
  if (!driver) {
    const bool device = has_nvidia_device();
    findings.push_back({"CUDA driver", FindingState::kAbsent,
                        device ? "an NVIDIA device is here, its driver is not"
                               : "no driver and no NVIDIA device on the PCI bus",
                        device ? "as root, on the host: apt-get install -y nvidia-driver" : ""});
    findings.push_back({"GPU", FindingState::kAbsent, "none that a driver gives"});
    return;
  }
  findings.push_back(
      {"CUDA driver", FindingState::kOk,
       fmt::format("CUDA {}.{}", driver->version / 1000, driver->version / 10 % 100)});
  if (!driver->fault.empty()) {
    findings.push_back({"GPU", FindingState::kAbsent, driver->fault, "nvidia-smi"});
    return;
  }
  std::string names;
  for (const Gpu& gpu : driver->gpus)
    names += (names.empty() ? "" : "; ") + gpu.name + ", " + gib(gpu.memory_bytes);
  const bool usable = at::globalContext().hasCUDA();
  findings.push_back({"GPU",
                      usable ? FindingState::kOk : FindingState::kAbsent,
                      names + (usable ? "" : " (this build does not use it)"),
                      usable ? "" : "tools/setup.sh && rm -rf build && tools/run.sh doctor",
                      {{"gpus", static_cast<double>(driver->gpus.size())}}});
}

Finding find_nccl() {
  if (const auto version = nccl_version()) return {"NCCL", FindingState::kOk, *version};
  return {"NCCL", FindingState::kAbsent, "not found; several GPUs would need it",
          "tools/setup.sh (on a machine with a driver it fetches NCCL with LibTorch)"};
}

Finding find_zeromq() {
  if (const auto version = zeromq_version()) return {"ZeroMQ", FindingState::kOk, *version};
  return {"ZeroMQ", FindingState::kAbsent, "this build is not linked with it"};
}

Finding find_cores() {
  const int64_t affinity = affinity_cores();
  const std::optional<double> quota = cgroup_cores();
  return {"cores",
          FindingState::kOk,
          fmt::format("{}{}", affinity,
                      quota ? fmt::format(", of which the control group gives {:.2f}", *quota)
                            : ", no quota"),
          "",
          {{"affinity", static_cast<double>(affinity)}, {"quota", quota.value_or(-1)}}};
}

Finding find_memory() {
  const std::optional<Memory> memory = machine_memory();
  const std::optional<int64_t> limit = cgroup_memory_bytes();
  if (!memory)
    return {"memory", FindingState::kMissing, "/proc/meminfo cannot be read",
            "as root: mount -t proc proc /proc"};
  Finding finding{
      "memory",
      FindingState::kOk,
      fmt::format("{} available of {}{}", gib(memory->available_bytes), gib(memory->total_bytes),
                  limit ? ", the control group allows " + gib(*limit) : ", no limit"),
      "",
      {{"available_bytes", static_cast<double>(memory->available_bytes)},
       {"total_bytes", static_cast<double>(memory->total_bytes)},
       {"limit_bytes", as_number(limit)}}};
  if (std::min(memory->available_bytes, limit.value_or(memory->available_bytes)) < kNeededMemory) {
    finding.state = FindingState::kMissing;
    finding.text += fmt::format("; the quickstart needs {}", gib(kNeededMemory));
    finding.fix = "end other programs, or raise the control group's limit";
  }
  return finding;
}

Finding find_disk() {
  const std::string fault = why_not_writable(".");
  if (!fault.empty())
    return {"disk", FindingState::kMissing, "nothing can be written here (" + fault + ")",
            "change to a folder of yours: cd"};
  const std::optional<int64_t> bytes = free_disk_bytes(".");
  if (!bytes) return {"disk", FindingState::kOk, "can be written; its room is not known"};
  Finding finding{"disk",
                  FindingState::kOk,
                  gib(*bytes) + " free here",
                  "",
                  {{"free_bytes", static_cast<double>(*bytes)}}};
  if (*bytes < kNeededDisk) {
    finding.state = FindingState::kMissing;
    finding.text += fmt::format("; a run needs {}", gib(kNeededDisk));
    finding.fix = "make room here (du -sh runs/* shows runs), or change to another disk";
  }
  return finding;
}

Finding find_namespaces() {
  const std::string fault = why_no_user_namespace();
  if (fault.empty()) return {"user namespaces", FindingState::kOk, "can be made"};
  const std::string command = command_for_user_namespaces();
  return {
      "user namespaces", FindingState::kAbsent, "cannot be made (" + fault + ")",
      command.empty() ? "in a container: docker run --security-opt seccomp=unconfined …" : command};
}

Finding limit_finding(const std::string& name, const Limit& limit, const std::string& unit = "") {
  const auto text = [&](const std::optional<int64_t>& value) {
    return value ? std::to_string(*value) + unit : "no limit";
  };
  return {name,
          FindingState::kOk,
          fmt::format("{}; can be raised to: {}", text(limit.soft), text(limit.hard)),
          "",
          {{"soft", as_number(limit.soft)}, {"hard", as_number(limit.hard)}}};
}

// `raise` is the command for whom the hard limit allows it, `raise_as_root` for whom not.
void need_at_least(Finding& finding, const Limit& limit, int64_t needed, const std::string& raise,
                   const std::string& raise_as_root) {
  if (!limit.soft || *limit.soft >= needed) return;
  finding.state = FindingState::kMissing;
  finding.fix = limit.hard && *limit.hard < needed ? raise_as_root : raise;
}

Finding find_open_files() {
  const Limit limit = open_files_limit();
  Finding finding = limit_finding("open files", limit);
  need_at_least(finding, limit, kNeededOpenFiles, fmt::format("ulimit -n {}", kNeededOpenFiles),
                fmt::format("as root: prlimit --nofile={} --pid $$", kNeededOpenFiles));
  return finding;
}

Finding find_processes() {
  const Limit limit = processes_limit();
  Finding finding = limit_finding("processes", limit);
  if (::geteuid() == 0) return finding;  // whom it does not bind
  need_at_least(finding, limit, kNeededProcesses, fmt::format("ulimit -u {}", kNeededProcesses),
                fmt::format("as root: prlimit --nproc={} --pid $$", kNeededProcesses));
  return finding;
}

Finding find_address_space() {
  const Limit limit = address_space_limit();
  Finding finding = limit_finding("address space", limit, " bytes");
  need_at_least(finding, limit, kNeededAddressSpace,
                fmt::format("ulimit -v {}", kNeededAddressSpace / 1024),
                "as root: prlimit --as=unlimited --pid $$");
  if (finding.state == FindingState::kMissing)
    finding.text += fmt::format("; the quickstart needs {}", gib(kNeededAddressSpace));
  return finding;
}

Findings examine() {
  Findings findings = {find_instruction_set(), find_libtorch()};
  find_gpus(findings);
  for (Finding (*find)() : {find_nccl, find_zeromq}) findings.push_back(find());
  findings.push_back({"SQLite", FindingState::kOk, sqlite_version()});
  for (Finding (*find)() : {find_cores, find_memory, find_disk, find_namespaces, find_open_files,
                            find_processes, find_address_space})
    findings.push_back(find());
  findings.push_back(limit_finding("locked memory", locked_memory_limit(), " bytes"));
  return findings;
}

}  // namespace

int run_doctor(const CommandArguments& arguments) {
  bool json = false;
  Arguments parser("doctor",
                   "What this machine has and lacks, with the command that mends it. Exit code 0 "
                   "when it has what train on a CPU needs, else 3.",
                   "retort doctor");
  parser.flag("--json", json, "one JSON object");
  if (!parser.parse(arguments)) return 0;
  const Findings findings = examine();
  fmt::print("{}", json ? findings_json(findings) : findings_table(findings, stdout_has_colours()));
  if (const Finding* missing = first_missing(findings))
    throw MissingError(missing->name, missing->text, missing->fix);
  return 0;
}

}  // namespace retort
