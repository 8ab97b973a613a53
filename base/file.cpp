#include "base/file.h"

#include "base/error.h"
#include "base/wait_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace retort {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& what, int error,
                       const std::string& fix) {
  throw UserError(path, what + " (" + std::strerror(error) + ")", fix);
}
[[noreturn]] void fail_write(const std::string& path, int error) {
  fail(path, "cannot be written", error, "choose a place that can be written and has room");
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

void write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_write(path, errno);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

std::string read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail(path, "cannot be read", errno, "give the path of a file");
  std::string bytes;
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)))
    throw UserError(path, "is a device", "give the path of a file");
  if (status.st_size > 0) bytes.reserve(static_cast<size_t>(status.st_size));
  char block[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.get(), block, sizeof block);
    if (got == 0) return bytes;
    if (got < 0) {
      if (errno == EINTR) continue;
      fail(path, "cannot be read", errno, "give the path of a file");
    }
    bytes.append(block, static_cast<size_t>(got));
  }
}

LineReader::LineReader(std::string path, std::function<void()> at_rest)
    : path_(std::move(path)),
      descriptor_(path_ == "-" ? STDIN_FILENO : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC)),
      at_rest_(std::move(at_rest)) {
  if (descriptor_ < 0) fail(path_, "cannot be read", errno, "give the path of a file");
}
LineReader::~LineReader() {
  if (path_ != "-") ::close(descriptor_);
}

// A writer that is only slower than its reader is given the time to go on.
void LineReader::rest() const {
  constexpr double kRestS = 0.005;
  pollfd input{descriptor_, POLLIN, 0};
  const Deadline deadline = Deadline::after(kRestS);
  if (wait_poll({&input, 1}, WaitScope("a line of " + path_, "its writer", deadline), deadline) ==
      0)
    at_rest_();
}

bool LineReader::next(std::string& line) {
  constexpr size_t kLongestLine = size_t{1} << 28;
  line.clear();
  bool any = false;
  for (;;) {
    const size_t end = block_.find('\n', begin_);
    line.append(block_, begin_, end == std::string::npos ? end : end - begin_);
    any = any || begin_ < block_.size();
    if (end != std::string::npos) {
      begin_ = end + 1;
      return true;
    }
    begin_ = 0;
    if (line.size() > kLongestLine)
      throw UserError(path_ == "-" ? "standard input" : path_, "has a line of more than 256 MiB",
                      "write one row a line");
    if (at_rest_) rest();
    block_.resize(1 << 16);
    ssize_t got = 0;
    do got = ::read(descriptor_, block_.data(), block_.size());
    while (got < 0 && errno == EINTR);
    if (got < 0)
      fail(path_ == "-" ? "standard input" : path_, "cannot be read", errno,
           "give the path of a file");
    block_.resize(static_cast<size_t>(got));
    if (got == 0) return any;
  }
}

void write_file_atomic(const std::string& path, std::string_view bytes, unsigned mode) {
  const std::string beside = path + ".tmp";
  {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.get() < 0) fail_write(path, errno);
    write_all(file.get(), bytes, path);
    if (::fsync(file.get()) != 0) fail_write(path, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(beside.c_str());
    fail_write(path, error);
  }
  sync_path(folder_of(path));
}

std::vector<std::string> list_folder(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) fail(folder, "cannot be listed", error.value(), "give the path of a folder");
  std::sort(names.begin(), names.end());
  return names;
}

void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && !fs::is_directory(folder, error))
    error = std::make_error_code(std::errc::not_a_directory);
  if (error) fail(folder, "cannot be made", error.value(), "choose a place that can be written");
}

void rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_write(to, errno);
  sync_path(folder_of(to));
}

void sync_path(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) fail_write(path, errno);
}

void replace_link(const std::string& link, const std::string& target) {
  const std::string beside = link + ".tmp";
  ::unlink(beside.c_str());
  if (::symlink(target.c_str(), beside.c_str()) != 0) fail_write(link, errno);
  rename_durably(beside, link);
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

LineFile::LineFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_write(path_, errno);
  const off_t end = ::lseek(descriptor_, 0, SEEK_END);
  if (end > 0) size_ = static_cast<uint64_t>(end);
}

LineFile::LineFile(std::string path, uint64_t keep_bytes) : LineFile(std::move(path)) {
  if (size_ <= keep_bytes) return;
  if (::ftruncate(descriptor_, static_cast<off_t>(keep_bytes)) != 0) fail_write(path_, errno);
  size_ = keep_bytes;
}

LineFile::~LineFile() { ::close(descriptor_); }

void LineFile::append_line(std::string_view line) {
  std::string text(line);
  append(text += '\n');
}

void LineFile::append(std::string_view bytes) {
  write_all(descriptor_, bytes, path_);
  size_ += bytes.size();
}

void LineFile::sync() {
  if (::fsync(descriptor_) != 0) fail_write(path_, errno);
}

}  // namespace retort
