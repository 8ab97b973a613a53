#pragma once
// What the tests of faults with several processes share: a quiet run to compare with, its learner
// and workers as a user starts them, and what must hold after every fault.
#include "tests/e2e/started.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retort::testing {

inline constexpr const char* kTinyConfig = "tests/configs/tiny.toml";

class WorkerFaultsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();  // the quiet run of one process
  static void TearDownTestSuite();
  static std::string path(const std::string& name) { return folder_->path(name); }

  // The arguments of a user.
  static std::string train(const std::string& run, const std::string& rest = "--workers 2");
  static std::string learn(const std::string& run, const std::string& endpoint,
                           const std::string& rest = "");
  // With the token of `run`, which must be there.
  static std::string rollout(const std::string& run, const std::string& endpoint,
                             const std::string& rest = "");

  // The run has its token, so that workers may be started; the endpoint that it listens at.
  static std::string endpoint_of(const std::string& run, const Started& learner);
  // The run has done `steps`.
  static bool has_done(const std::string& run, size_t steps);

  static void expect_the_quiet_bytes(const std::string& run);
  // Neither of the run's own, nor one that names it.
  static void expect_no_process_left(const std::string& run);
  static void expect_says(const std::string& text, const std::string& what);

 private:
  static std::unique_ptr<TemporaryFolder> folder_;
};

// A small file system of its own, for its lifetime. Mounting needs root: skip where !is_mounted().
class SmallDisk {
 public:
  SmallDisk(std::string folder, const std::string& size);  // makes the folder
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_mounted() const { return trouble_.empty(); }
  const std::string& trouble() const { return trouble_; }
  void make_writable(bool writable);  // nothing may write there meanwhile
  void fill();                        // until no byte fits
  void make_room();                   // what fill() took
 private:
  const std::string folder_;
  std::string trouble_;
};

}  // namespace retort::testing
