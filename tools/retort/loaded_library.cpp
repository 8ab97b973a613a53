#include "tools/retort/loaded_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace retort {
namespace {

namespace fs = std::filesystem;

// Stays loaded: what a library has registered may be used until the end.
template <class Function>
Function* function_in(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

// The driver's interface (cuda.h), as far as it is asked.
using CuInit = int(unsigned);
using CuDriverGetVersion = int(int*);
using CuDeviceGetCount = int(int*);
using CuDeviceGet = int(int*, int);
using CuDeviceGetName = int(char*, int, int);
using CuDeviceTotalMem = int(size_t*, int);
using NcclGetVersion = int(int*);
using ZmqVersion = void(int*, int*, int*);

Gpu gpu_of(void* driver, int index) {
  auto* get = function_in<CuDeviceGet>(driver, "cuDeviceGet");
  auto* get_name = function_in<CuDeviceGetName>(driver, "cuDeviceGetName");
  auto* get_memory = function_in<CuDeviceTotalMem>(driver, "cuDeviceTotalMem_v2");
  int device = 0;
  char name[256] = "unknown";
  size_t bytes = 0;
  if (get != nullptr && get(&device, index) == 0) {
    if (get_name != nullptr) get_name(name, sizeof name, device);
    if (get_memory != nullptr) get_memory(&bytes, device);
  }
  return {name, static_cast<int64_t>(bytes)};
}

}  // namespace

std::optional<CudaDriver> cuda_driver() {
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  auto* init = function_in<CuInit>(library, "cuInit");
  auto* version = function_in<CuDriverGetVersion>(library, "cuDriverGetVersion");
  auto* count = function_in<CuDeviceGetCount>(library, "cuDeviceGetCount");
  CudaDriver driver;
  if (version != nullptr) version(&driver.version);
  if (init == nullptr || count == nullptr) {
    driver.fault = "libcuda.so.1 is not the NVIDIA driver's";
    return driver;
  }
  int code = init(0), gpus = 0;
  if (code == 0) code = count(&gpus);
  if (code != 0)
    driver.fault = fmt::format("the driver answers with error {}", code);
  else if (gpus == 0)
    driver.fault = "the driver sees no GPU";
  for (int index = 0; index < gpus; ++index) driver.gpus.push_back(gpu_of(library, index));
  return driver;
}

bool has_nvidia_device(const std::string& sysfs) {
  std::error_code ignored;
  for (const auto& device : fs::directory_iterator(sysfs + "/bus/pci/devices", ignored)) {
    std::string vendor;
    std::ifstream(device.path() / "vendor") >> vendor;
    if (vendor == "0x10de") return true;
  }
  return false;
}

std::optional<std::string> nccl_version() {
  void* library = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  auto* get = function_in<NcclGetVersion>(library, "ncclGetVersion");
  int version = 0;
  if (get == nullptr || get(&version) != 0) return std::nullopt;
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::optional<std::string> zeromq_version() {
  // Among what was loaded with the program, no other library of that name that lies around.
  auto* get = function_in<ZmqVersion>(RTLD_DEFAULT, "zmq_version");
  if (get == nullptr) return std::nullopt;
  int major = 0, minor = 0, patch = 0;
  get(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace retort
