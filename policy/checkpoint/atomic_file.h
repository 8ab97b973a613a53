#pragma once
// A large file written piece by piece that appears whole or not at all: written beside its place,
// synced, renamed. (A file whose bytes are at hand: write_file_atomic of base/file.h.)
#include <cstddef>
#include <span>
#include <string>

namespace retort {

class AtomicFile {
 public:
  // UserError at `path` when its folder cannot be written.
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();  // removes what was not committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);  // UserError when the disk is full or fails
  void commit();                                 // sync, rename over `path`, sync the folder

 private:
  std::string path_;
  std::string partial_path_;
  int fd_ = -1;
};

}  // namespace retort
