#include "base/channel/version_stream.h"
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/record/codec.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "version-";
constexpr const char* kTable = "/version.record";
constexpr const char* kTensors = "/tensors.bin";
constexpr double kLookSeconds = 0.02;  // between two looks for a folder

std::string path_of(const std::string& folder, uint32_t number) {
  return folder + "/" + std::string(kPrefix) + std::to_string(number);
}

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Numbers of the Versions that are there, ascending.
std::vector<uint32_t> numbers_in(const std::string& folder) {
  std::vector<uint32_t> numbers;
  for (const std::string& name : list_folder(folder)) {
    uint32_t number = 0;
    const char* end = name.data() + name.size();
    if (!name.starts_with(kPrefix)) continue;
    const auto read = std::from_chars(name.data() + kPrefix.size(), end, number);
    if (read.ec == std::errc() && read.ptr == end) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::shared_ptr<const VersionBytes> read_whole(const std::string& path) {
  const auto damaged = [&](const std::string& what) {
    return UserError(one_line(path), what, "remove it; the learner writes it anew");
  };
  const std::string table = read_file(path + kTable);
  std::string error;
  const std::optional<Version> version =
      decode_version({reinterpret_cast<const uint8_t*>(table.data()), table.size()}, &error);
  if (!version) throw damaged("its table is damaged (" + error + ")");
  const std::string bytes = read_file(path + kTensors);
  const auto assembly = VersionAssembly::of(*version, bytes.size(), &error);
  if (!assembly || assembly->total() != bytes.size())
    throw damaged("its bytes are not as many as its table says");
  assembly->append({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  auto whole = assembly->finish();
  if (!whole) throw damaged("its bytes do not have the digest that its table names");
  return whole;
}

}  // namespace

void write_version(const std::string& folder, const VersionBytes& version, size_t keep) {
  RT_CHECK_GE(keep, size_t{2});
  const std::string problem = version_problem(version);
  RT_CHECK(problem.empty()) << problem;
  make_folder(folder);
  const std::string path = path_of(folder, version.version.number);
  const std::string beside = path + ".part";
  std::error_code failed;
  fs::remove_all(beside, failed);
  make_folder(beside);
  std::string bytes;
  bytes.reserve(version_bytes(version.version).value_or(0));
  for (const auto& tensor : version.tensors) bytes += text_of(tensor);
  write_file_atomic(beside + kTensors, bytes);
  write_file_atomic(beside + kTable, text_of(encode(version.version)));
  fs::remove_all(path, failed);
  rename_durably(beside, path);
  const std::vector<uint32_t> numbers = numbers_in(folder);
  for (size_t i = 0; i + keep < numbers.size(); ++i)
    fs::remove_all(path_of(folder, numbers[i]), failed);
}

VersionReceived read_version(const std::string& folder, uint32_t number, Deadline deadline) {
  const std::string path = path_of(folder, number);
  const WaitScope what("Version " + std::to_string(number) + " of the weights in " + folder,
                       "the learner", deadline);
  while (true) {
    if (fs::exists(path + kTable)) return {ReceiveKind::kReceived, read_whole(path), ""};
    if (deadline.passed()) return {ReceiveKind::kTimeout, nullptr, wait_text(what.row())};
    wait_a_moment(what, Deadline::after(std::min(kLookSeconds, deadline.seconds_left())));
  }
}

}  // namespace retort
