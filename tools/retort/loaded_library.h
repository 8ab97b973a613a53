#pragma once
// Functions of shared libraries that this program may run without.
#include <optional>
#include <string>
#include <vector>

namespace retort {

struct Gpu {
  std::string name;
  int64_t memory_bytes = 0;
};

// What the NVIDIA driver says.
struct CudaDriver {
  int version = 0;  // 13000 is CUDA 13.0
  std::vector<Gpu> gpus;
  std::string fault;  // why the driver gives no GPU; "" when it does
};
// nullopt: no driver library.
std::optional<CudaDriver> cuda_driver();

// Whether an NVIDIA device is on the PCI bus. `sysfs` is "/sys", or a test's folder.
bool has_nvidia_device(const std::string& sysfs = "/sys");

std::optional<std::string> nccl_version();  // "2.28.9"; nullopt: not found
// The ZeroMQ that this program is linked with, "4.3.4"; nullopt: with none.
std::optional<std::string> zeromq_version();

}  // namespace retort
