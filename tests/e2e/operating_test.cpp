// docs/operating.md: what a failure looks like is what the program prints.
#include "tests/e2e/program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
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

// The batch script, by commands in place of Slurm's: all nodes are this machine.
class SlurmScript : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"configs", "tests"})
      fs::create_directory_symlink(fs::current_path() / name, folder_.path(name));
    fs::create_directory(folder_.path("bin"));
    script("scontrol", "printf 'localhost\\nsecond\\nthird\\n'\n");
    script("srun",
           "tasks=1\n"
           "while :; do case $1 in --ntasks=*) tasks=${1#*=}; shift;; --nodes=*) shift;;\n"
           "  -w|-x) shift 2;; *) break;; esac; done\n"
           "trap 'kill $(jobs -p)' TERM\n"
           "for i in $(seq $tasks); do \"$@\" & done\n"
           "status=0; for job in $(jobs -p); do wait $job || status=$?; done\n"
           "exit $status\n");
    script("retort", "exec '" + fs::absolute(std::getenv("RETORT_PROGRAM")).string() +
                         "' \"$@\" $MORE_OPTIONS\n");
    for (const std::string role : {"learner", "worker"}) {
      const ProgramResult made = run_retort("keys '" + folder_.path(role + ".keys") + "'");
      ASSERT_EQ(made.code, 0) << made.err;
      write_text(folder_.path(role == "learner" ? "learner.pub" : "workers.pub"), made.out);
    }
  }
  // Exit status of the script for a run of two steps.
  int submit(const std::string& config, const std::string& options) {
    const std::string command =
        "cd '" + folder_.path() + "' && PATH=\"$PWD/bin:$PATH\" SLURM_JOB_NUM_NODES=3 " +
        "SLURM_JOB_NODELIST='node[1-3]' MORE_OPTIONS='--quiet --set train.steps=2 " + options +
        "' bash '" + fs::absolute("docs/examples/slurm.sh").string() + "' " + config +
        " runs/shared " + port_ + " >out 2>&1";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string said() const { return file_text(folder_.path("out")); }
  const TemporaryFolder folder_;
  const std::string port_ = free_port();

 private:
  // One that nobody listens at now: other tests run beside this one.
  static std::string free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket, plain, size), 0);
    EXPECT_EQ(::getsockname(socket, plain, &size), 0);
    ::close(socket);
    return std::to_string(ntohs(address.sin_port));
  }
  void script(const std::string& name, const std::string& text) {
    const std::string path = folder_.path("bin/" + name);
    write_text(path, "#!/bin/bash\n" + text);
    fs::permissions(path, fs::perms::owner_all);
  }
};

TEST_F(SlurmScript, MakesTheRunAndGoesOnWithIt) {
  EXPECT_EQ(submit("tests/configs/tiny.toml", "--set train.save_every=1"), 0) << said();
  const std::string run = folder_.path("runs/shared");
  EXPECT_TRUE(fs::exists(run + "/checkpoints/step_2/complete"));
  ASSERT_EQ(run_retort("train tests/configs/tiny.toml --quiet --set train.steps=2 --run '" +
                       folder_.path("quiet") + "'")
                .code,
            0);
  EXPECT_EQ(run_retort("compare '" + run + "' '" + folder_.path("quiet") + "' --assert-equal").code,
            0);
  fs::remove_all(run + "/checkpoints/step_2");
  EXPECT_EQ(submit("tests/configs/tiny.toml", "--set train.save_every=1"), 0) << said();
  EXPECT_TRUE(fs::exists(run + "/checkpoints/step_2/complete"));
  EXPECT_EQ(testing::processes_left(run), 0u);
}

TEST_F(SlurmScript, EndsWithTheLearnersStatusAndLeavesNoWorker) {
  write_text(folder_.path("workers.pub"), "no key\n");
  EXPECT_EQ(submit("tests/configs/tiny.toml", ""), 2) << said();
  EXPECT_NE(said().find("workers.pub:1: is no CURVE key"), std::string::npos) << said();
  EXPECT_EQ(testing::processes_left("localhost:" + port_), 0u);
}

// Every option of the Kubernetes example is the command's.
TEST(KubernetesExample, SpeaksTheProgramsOptions) {
  const std::string yaml = file_text("docs/examples/kubernetes.yaml");
  size_t commands = 0;
  for (size_t at = yaml.find("command: ["); at != std::string::npos;
       at = yaml.find("command: [", at + 1)) {
    const size_t end = yaml.find(']', at);
    const std::string words = yaml.substr(at + 10, end - at - 10);
    const std::string role = words.find("learn,") != std::string::npos ? "learn" : "rollout";
    ASSERT_TRUE(words.starts_with("retort, " + role + ", /config/run.toml, ")) << words;
    const std::string help = run_retort(role + " --help").out;
    for (size_t option = words.find("--"); option != std::string::npos;
         option = words.find("--", option + 2)) {
      const std::string name = words.substr(option, words.find(',', option) - option);
      EXPECT_NE(help.find(name + " "), std::string::npos) << role << " " << name;
    }
    ++commands;
  }
  EXPECT_EQ(commands, 2u);
}

}  // namespace
}  // namespace retort
