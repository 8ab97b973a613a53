// The child is this very test program: RETORT_TEST_CHILD says what it does.
#include "base/child_process.h"
#include "base/file.h"

#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace retort {
namespace {

using Clock = std::chrono::steady_clock;

std::string scratch(const std::string& name) {
  const std::string folder = ::testing::TempDir() + "/retort_child_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  return folder + "/" + name;
}

std::unique_ptr<ChildProcess> child_that(const std::string& does, const std::string& output = "") {
  return std::make_unique<ChildProcess>(
      std::vector<std::string>{"--gtest_filter=Child.Main"},
      std::vector<std::pair<std::string, std::string>>{{"RETORT_TEST_CHILD", does}}, output);
}

bool is_alive(pid_t process) { return ::kill(process, 0) == 0; }

bool gone_within(pid_t process, double seconds) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (is_alive(process) && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return !is_alive(process);
}

// Not a test of this process: what a child does.
TEST(Child, Main) {
  const char* does = std::getenv("RETORT_TEST_CHILD");
  if (does == nullptr) GTEST_SKIP() << "run as a child only";
  const std::string what = does;
  if (what == "exit3") ::_exit(3);
  if (what == "end") ::_exit(0);
  if (what == "stay") {
    watch_parent();
    std::this_thread::sleep_for(std::chrono::seconds(60));
  }
  if (what.starts_with("parent:")) {  // a child with a child of its own, which it names in a file
    std::unique_ptr<ChildProcess> grandchild = child_that("stay");
    write_file_atomic(what.substr(7), std::to_string(grandchild->id()));
    std::this_thread::sleep_for(std::chrono::seconds(60));
  }
}

TEST(ChildProcess, SaysHowItEnded) {
  const std::unique_ptr<ChildProcess> wrong = child_that("exit3");
  EXPECT_FALSE(wrong->join(Deadline::after(20)));
  EXPECT_EQ(wrong->ended(), "exit code 3");
  const std::unique_ptr<ChildProcess> right = child_that("end");
  EXPECT_TRUE(right->join(Deadline::after(20)));
  const std::unique_ptr<ChildProcess> killed = child_that("stay");
  EXPECT_EQ(killed->ended(), std::nullopt);
  ::kill(killed->id(), SIGKILL);
  EXPECT_FALSE(killed->join(Deadline::after(20)));
  EXPECT_EQ(killed->ended(), "signal 9");
}

TEST(ChildProcess, IsGoneWhenItsObjectIs) {
  std::unique_ptr<ChildProcess> child = child_that("stay");
  const pid_t process = child->id();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_TRUE(is_alive(process));
  const auto begin = Clock::now();
  child.reset();
  EXPECT_FALSE(is_alive(process));
  EXPECT_LT(std::chrono::duration<double>(Clock::now() - begin).count(), ChildProcess::kLeaveS + 2);
}

// However the parent ends, SIGKILL too: the child's child follows.
TEST(ChildProcess, FollowsAKilledParent) {
  const std::string named = scratch("named");
  std::filesystem::remove(named);
  std::unique_ptr<ChildProcess> parent = child_that("parent:" + named);
  for (int i = 0; i < 2000 && !std::filesystem::exists(named); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const pid_t grandchild = std::stoi(read_file(named));
  EXPECT_TRUE(is_alive(grandchild));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // until it watches its parent
  parent->kill();
  EXPECT_TRUE(gone_within(grandchild, 20));
}

TEST(ChildProcess, WritesWhereItIsTold) {
  const std::string output = scratch("output");
  const std::unique_ptr<ChildProcess> child = child_that("nothing", output);
  EXPECT_TRUE(child->join(Deadline::after(20)));
  EXPECT_NE(read_file(output).find("Child.Main"), std::string::npos);
}

}  // namespace
}  // namespace retort
