#include "base/channel/file_segments.h"

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLongest = uint64_t{1} << 31;  // of a head or a body; a longer one is damage
constexpr uint64_t kPrefixBytes = 8;

std::string path_of(const std::string& folder, uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "/%08llu.segment", static_cast<unsigned long long>(number));
  return folder + name;
}

// The lowest and highest number of the segments of a folder; nullopt: there is none.
std::optional<std::pair<uint64_t, uint64_t>> numbers_in(const std::string& folder) {
  std::optional<std::pair<uint64_t, uint64_t>> found;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename();
    uint64_t number = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
    if (read.ec != std::errc() || std::string_view(read.ptr) != ".segment") continue;
    if (!found) found = {number, number};
    found->first = std::min(found->first, number);
    found->second = std::max(found->second, number);
  }
  return found;
}

}  // namespace

SegmentWriter::SegmentWriter(std::string folder, uint64_t segment_bytes)
    : folder_(std::move(folder)), segment_bytes_(segment_bytes) {
  make_folder(folder_);
  if (const auto numbers = numbers_in(folder_)) number_ = numbers->second;
}
SegmentWriter::~SegmentWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool SegmentWriter::open_next() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = ::open(path_of(folder_, ++number_).c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  size_ = 0;
  return descriptor_ >= 0;
}

bool SegmentWriter::append(const WireMessage& message) {
  if ((descriptor_ < 0 || size_ >= segment_bytes_) && !open_next()) return false;
  const uint32_t lengths[2] = {static_cast<uint32_t>(message.head.size()),
                               static_cast<uint32_t>(message.body.bytes.size())};
  const auto part = [](const void* data, size_t size) {
    return iovec{const_cast<void*>(data), size};  // writev only reads
  };
  const iovec parts[] = {part(lengths, sizeof lengths),
                         part(message.head.data(), message.head.size()),
                         part(message.body.bytes.data(), message.body.bytes.size())};
  const uint64_t wanted = kPrefixBytes + lengths[0] + lengths[1];
  const ssize_t written = ::writev(descriptor_, parts, 3);
  if (written >= 0) size_ += static_cast<uint64_t>(written);
  if (written == static_cast<ssize_t>(wanted)) return true;
  // Half a record ends its segment: the reader passes over it.
  size_ = segment_bytes_;
  return false;
}

SegmentReader::SegmentReader(std::string folder) : folder_(std::move(folder)) {}
SegmentReader::~SegmentReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool SegmentReader::open_first() {
  const auto numbers = numbers_in(folder_);
  if (!numbers) return false;
  number_ = numbers->first;
  offset_ = 0;
  descriptor_ = ::open(path_of(folder_, number_).c_str(), O_RDONLY | O_CLOEXEC);
  return descriptor_ >= 0;
}

void SegmentReader::remove_present() {
  ::close(std::exchange(descriptor_, -1));
  ::unlink(path_of(folder_, number_).c_str());
}

std::optional<std::vector<uint8_t>> SegmentReader::read(uint64_t offset, uint64_t count) const {
  std::vector<uint8_t> bytes(count);
  uint64_t done = 0;
  while (done < count) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<uint64_t>(got);
  }
  return bytes;
}

std::optional<WireArrival> SegmentReader::next() {
  while (descriptor_ >= 0 || open_first()) {
    // Before the size: a segment with a later one grows no more.
    const auto numbers = numbers_in(folder_);
    const bool is_last = !numbers || numbers->second == number_;
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return std::nullopt;
    const uint64_t left = static_cast<uint64_t>(status.st_size) - offset_;
    uint32_t lengths[2] = {0, 0};
    bool whole = left >= kPrefixBytes;
    if (whole) {
      const auto prefix = read(offset_, kPrefixBytes);
      if (!prefix) return std::nullopt;
      std::memcpy(lengths, prefix->data(), sizeof lengths);
      whole = uint64_t{lengths[0]} + lengths[1] <= left - kPrefixBytes;
      if (lengths[0] > kLongest || lengths[1] > kLongest) whole = false;
    }
    if (whole) {
      auto head = read(offset_ + kPrefixBytes, lengths[0]);
      auto body = read(offset_ + kPrefixBytes + lengths[0], lengths[1]);
      if (!head || !body) return std::nullopt;
      offset_ += kPrefixBytes + lengths[0] + lengths[1];
      return WireArrival{"", "", SharedBytes::of(std::move(*head)),
                         SharedBytes::of(std::move(*body))};
    }
    if (is_last) return std::nullopt;
    remove_present();
  }
  return std::nullopt;
}

}  // namespace retort
