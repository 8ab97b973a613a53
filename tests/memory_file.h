#pragma once
// A file without a disk, for tests that write thousands of damaged ones.
#include "base/check.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace retort::tests {

class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("memory_file", MFD_CLOEXEC)) {
    RT_CHECK_GE(descriptor_, 0);
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  void put(std::string_view bytes) {
    RT_CHECK_EQ(ftruncate(descriptor_, 0), 0);
    RT_CHECK_EQ(pwrite(descriptor_, bytes.data(), bytes.size(), 0),
                static_cast<ssize_t>(bytes.size()));
  }

 private:
  int descriptor_;
};

}  // namespace retort::tests
