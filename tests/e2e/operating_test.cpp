// docs/operating.md: what a failure looks like is what the program prints.
#include "tests/e2e/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace retort {
namespace {

using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;
namespace fs = std::filesystem;

class Operating : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(train("--set train.steps=2").code, 0); }

  std::string run() const { return folder_.path("run"); }
  ProgramResult train(const std::string& rest) const {
    return run_retort("train tests/configs/tiny.toml --quiet --set train.save_every=1 --run '" +
                      run() + "' " + rest);
  }
  ProgramResult resume(const std::string& rest = "") const {
    return train("--set train.steps=2 --resume " + rest);
  }

  // It failed with a line of the page, RUN standing for the directory and (…) for what stands in
  // brackets behind "is damaged".
  void expect_on_page(const ProgramResult& result) const {
    EXPECT_EQ(result.code, 2);
    std::string line = result.err;
    for (size_t at = line.find(run()); at != std::string::npos; at = line.find(run()))
      line.replace(at, run().size(), "RUN");
    if (const size_t open = line.find("is damaged ("); open != std::string::npos)
      line = line.substr(0, open) + "is damaged (…" + line.substr(line.rfind(");"));
    EXPECT_TRUE(line.starts_with("retort: ")) << line;
    EXPECT_NE(file_text("docs/operating.md").find("\n" + line), std::string::npos) << line;
  }

  const TemporaryFolder folder_;
};

TEST_F(Operating, ARunThatIsThereOrAnother) {
  expect_on_page(train("--set train.steps=2"));
  expect_on_page(resume("--set learner.lr=1e-3"));
  EXPECT_EQ(resume().code, 0) << "at its end";
}

TEST_F(Operating, AnotherProcessHasIt) {
  const int held = open(run().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  ASSERT_EQ(flock(held, LOCK_EX | LOCK_NB), 0);
  expect_on_page(resume());
  EXPECT_EQ(run_retort("inspect '" + run() + "'").code, 0) << "a reader takes no lock";
  close(held);
  EXPECT_EQ(resume().code, 0);
}

TEST_F(Operating, TheRecordIsDamagedMissingOrShort) {
  const std::string whole = file_text(run() + "/run.db");
  ASSERT_GT(whole.size(), 100000u);
  constexpr int64_t kPage = 16384;
  for (const int64_t pages : {int64_t{1}, static_cast<int64_t>(whole.size()) / kPage - 4}) {
    std::string damaged = whole;
    std::fill_n(damaged.begin() + 4 * kPage, pages * kPage, '\x5a');
    write_text(run() + "/run.db", damaged);
    expect_on_page(resume());
  }
  fs::remove(run() + "/run.db");
  expect_on_page(resume());
  ASSERT_EQ(run_retort("train tests/configs/tiny.toml --quiet --set train.steps=1 --run '" +
                       folder_.path("short") + "'")
                .code,
            0);
  fs::copy(folder_.path("short") + "/run.db", run() + "/run.db");
  expect_on_page(resume());
  write_text(run() + "/run.db", whole);
  EXPECT_EQ(resume().code, 0);
}

TEST_F(Operating, ADirectoryThatWasMovedGoesOn) {
  const std::string moved = folder_.path("moved");
  fs::remove_all(run() + "/checkpoints/step_2");
  fs::rename(run(), moved);
  ASSERT_EQ(
      run_retort("train tests/configs/tiny.toml --quiet --set train.steps=2 --resume --run '" +
                 moved + "'")
          .code,
      0);
  ASSERT_EQ(train("--set train.steps=2").code, 0);
  EXPECT_EQ(run_retort("compare '" + moved + "' '" + run() + "'").code, 0);
  EXPECT_NE(run_retort("compare '" + moved + "' '" + run() + "'").out.find("equal in everything"),
            std::string::npos);
}

TEST_F(Operating, WhatIsNoDatabaseIsNotOpened) {
  fs::remove(run() + "/run.db");
  fs::create_directory(run() + "/run.db");
  expect_on_page(run_retort("inspect '" + run() + "'"));
}

}  // namespace
}  // namespace retort
