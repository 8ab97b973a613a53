#pragma once
// A regular file mapped read-only: the bytes stay where the page cache has them. The mapping lives
// as long as the object; views into it may not outlive it.
#include <cstddef>
#include <span>
#include <string>

namespace retort {

class MappedFile {
 public:
  // UserError at `path` when it cannot be opened or is no regular file. An empty file maps to no
  // bytes.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace retort
