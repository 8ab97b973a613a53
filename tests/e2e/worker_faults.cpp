#include "tests/e2e/worker_faults.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace retort::testing {
namespace fs = std::filesystem;

std::unique_ptr<TemporaryFolder> WorkerFaultsTest::folder_;

void WorkerFaultsTest::SetUpTestSuite() {
  folder_ = std::make_unique<TemporaryFolder>();
  ASSERT_EQ(run_retort(train(path("quiet"), "--quiet")).code, 0);
}
void WorkerFaultsTest::TearDownTestSuite() { folder_.reset(); }

std::string WorkerFaultsTest::train(const std::string& run, const std::string& rest) {
  return std::string("train ") + kTinyConfig + " --run '" + run + "' " + rest;
}
std::string WorkerFaultsTest::learn(const std::string& run, const std::string& endpoint,
                                    const std::string& rest) {
  return std::string("learn ") + kTinyConfig + " --run '" + run + "' --listen '" + endpoint + "' " +
         rest;
}
std::string WorkerFaultsTest::rollout(const std::string& run, const std::string& endpoint,
                                      const std::string& rest) {
  // Two workers share a step of 24 samples.
  const bool given = rest.find("--most-samples") != std::string::npos;
  return std::string("rollout ") + kTinyConfig + " --connect '" + endpoint + "' --token-file '" +
         run + "/token' " + (given ? "" : "--most-samples 12 ") + rest;
}

std::string WorkerFaultsTest::endpoint_of(const std::string& run, const Started& learner) {
  constexpr std::string_view kBefore = "--connect ", kBehind = " --token-file";
  std::string endpoint;
  const bool told = comes_true(120, [&] {
    const std::string said = learner.said();
    const size_t from = said.find(kBefore), to = said.find(kBehind);
    if (to == std::string::npos || !fs::exists(run + "/token")) return false;
    endpoint = said.substr(from + kBefore.size(), to - from - kBefore.size());
    return true;
  });
  if (!told) throw std::runtime_error("no learner: " + learner.said());
  return endpoint;
}

bool WorkerFaultsTest::has_done(const std::string& run, size_t steps) {
  return comes_true(300, [&] { return lines_of(run + "/metrics.jsonl") > steps; });
}

void WorkerFaultsTest::expect_the_quiet_bytes(const std::string& run) {
  const std::string quiet = path("quiet");
  EXPECT_EQ(deterministic_metrics(quiet), deterministic_metrics(run));
  for (const char* file :
       {"/checkpoints/step_8/model.safetensors", "/checkpoints/step_8/trainer/state.safetensors"}) {
    ASSERT_FALSE(file_text(run + file).empty()) << file;
    EXPECT_TRUE(file_text(quiet + file) == file_text(run + file)) << file;
  }
  const ProgramResult compared = run_retort("compare '" + quiet + "' '" + run + "' --assert-equal");
  EXPECT_EQ(compared.code, 0) << compared.out << compared.err;
}

void WorkerFaultsTest::expect_no_process_left(const std::string& run) {
  EXPECT_EQ(processes_left(run), 0u);
}

void WorkerFaultsTest::expect_says(const std::string& text, const std::string& what) {
  EXPECT_NE(text.find(what), std::string::npos) << "not said: " << what << "\nsaid: " << text;
}

SmallDisk::SmallDisk(std::string folder, const std::string& size) : folder_(std::move(folder)) {
  fs::create_directory(folder_);
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0)
    trouble_ = std::string("no file system can be mounted: ") + std::strerror(errno);
}
SmallDisk::~SmallDisk() {
  if (is_mounted()) ::umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::make_writable(bool writable) {
  unsigned long flags = MS_REMOUNT;
  if (!writable) flags |= MS_RDONLY;
  // A killed process may still be closing its files.
  const bool done = comes_true(
      20, [&] { return ::mount("tmpfs", folder_.c_str(), "tmpfs", flags, nullptr) == 0; });
  if (!done) throw std::runtime_error(std::string("remount: ") + std::strerror(errno));
}

void SmallDisk::fill() {
  const int file = ::open((folder_ + "/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) throw std::runtime_error("no file to fill the disk with");
  for (size_t size = size_t{1} << 20; size >= 512;) {
    const std::string block(size, '\0');
    if (::write(file, block.data(), size) <= 0) size /= 2;
  }
  ::close(file);
}

void SmallDisk::make_room() { fs::remove(folder_ + "/filler"); }

}  // namespace retort::testing
