// kill -9 at any moment of a run's recording: the database opens, is whole, holds all up to the
// last checkpoint, and a resumed run ends with the rows and views of one that nobody disturbed.
#include "base/check.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/sqlite.h"
#include "learner/run_store.h"
#include "learner/run_views.h"
#include "tests/event_records.h"
#include "tests/run_dump.h"
#include "tests/synthetic_run.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

namespace retort {
namespace {

namespace fs = std::filesystem;
using namespace tests;

constexpr int kKills = 30;
constexpr int64_t kSaveEvery = 2;
constexpr double kFlushSeconds = 60;

// What a killed process has written is in the system's hands, so a file system in memory shows the
// same as a disk, and does not wait for one.
std::string fast_place() {
  return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path().string();
}

SyntheticRun the_run() {
  SyntheticRun run;
  run.steps = 6;
  return run;
}

// The stand-in of a checkpoint: a file with the step it is of.
std::string checkpoint_path(const std::string& run_dir) { return run_dir + "/checkpoint"; }
int64_t checkpoint_of(const std::string& run_dir) {
  if (!fs::exists(checkpoint_path(run_dir))) return -1;
  return std::stoll(read_file(checkpoint_path(run_dir)));
}

// What a training loop does with its record, from wherever the run stands to its end.
void train(const std::string& run_dir) {
  const SyntheticRun run = the_run();
  const int64_t saved = checkpoint_of(run_dir);
  RunStore store =
      RunStore::exists(run_dir) ? RunStore::open(run_dir) : RunStore::create(run_dir, run.info());
  store.truncate_after(saved);
  rewrite_views(run_dir, saved);
  if (saved < 0) {
    record_start(store, run);
    append_metrics_view(run_dir, run.metrics_of(0));
  }
  for (int64_t step = std::max<int64_t>(saved, 0) + 1; step <= run.steps; ++step) {
    record_step(store, run, step);
    append_metrics_view(run_dir, run.metrics_of(step));
    if (step % kSaveEvery != 0) continue;
    RT_CHECK(store.flush(Deadline::after(kFlushSeconds)));
    write_samples_view(run_dir, step);
    write_file_atomic(checkpoint_path(run_dir), std::to_string(step));
  }
}

pid_t start(const std::string& run_dir) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    train(run_dir);
    _exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
    _exit(1);
  }
}

// True when the child came to its end.
bool wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return false;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return true;
}

// The rows of an undisturbed run that stopped after each checkpoint; -1: before the first step.
class Undisturbed {
 public:
  const std::string& rows(int64_t checkpoint) {
    std::string& rows = rows_[checkpoint];
    if (rows.empty()) rows = make(checkpoint);
    return rows;
  }

 private:
  std::string make(int64_t checkpoint) const {
    const TemporaryFolder folder(fast_place());
    {
      RunStore store = RunStore::create(folder.path(), the_run().info());
      if (checkpoint >= 0) record_start(store, the_run());
      for (int64_t step = 1; step <= checkpoint; ++step) record_step(store, the_run(), step);
    }
    return dump_run(folder.path());
  }
  std::map<int64_t, std::string> rows_;
};

// On a copy, so that the run goes on from what the kill left.
void expect_whole_up_to_checkpoint(const std::string& run_dir, Undisturbed& undisturbed) {
  const TemporaryFolder copy(fast_place());
  fs::copy(run_dir, copy.path(), fs::copy_options::recursive);
  const int64_t checkpoint = checkpoint_of(copy.path());
  if (!RunStore::exists(copy.path())) {
    EXPECT_EQ(checkpoint, -1);
    return;
  }
  Database::open(RunStore::path(copy.path()), Database::Mode::kRead).check_integrity();
  RunStore store = RunStore::open(copy.path());
  EXPECT_GE(store.last_step(), checkpoint);
  store.truncate_after(checkpoint);
  EXPECT_EQ(dump_run(copy.path()), undisturbed.rows(checkpoint));
}

TEST(RunStoreKill, ARunThatWasKilledEndsLikeOneThatWasNot) {
  Undisturbed undisturbed;
  const TemporaryFolder straight(fast_place());
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(wait_for(start(straight.path())));
  // Kills fall between the start and this; it follows the machine's load.
  std::chrono::duration<double> longest = std::chrono::steady_clock::now() - begin;
  ASSERT_EQ(dump_run(straight.path()), undisturbed.rows(the_run().steps));

  PhiloxStream draw({1, Purpose::kFaultInjection, 0}, 0, 0, 0);
  std::map<int64_t, int> kills_after;  // by the checkpoint that stood
  int kills = 0;
  while (kills < kKills) {
    const TemporaryFolder folder(fast_place());
    for (bool ended = false; !ended;) {
      const pid_t child = start(folder.path());
      if (kills < kKills) {
        std::this_thread::sleep_for(draw.uniform() * longest);
        kill(child, SIGKILL);
      }
      ended = wait_for(child);
      if (ended) {
        longest *= 0.8;
        break;
      }
      ++kills;
      const int64_t checkpoint = checkpoint_of(folder.path());
      ++kills_after[checkpoint];
      if (checkpoint < 0) longest *= 1.1;
      expect_whole_up_to_checkpoint(folder.path(), undisturbed);
      if (HasFailure()) return;
    }
    EXPECT_EQ(dump_run(folder.path()), dump_run(straight.path()));
    for (const char* view : {"/metrics.jsonl", "/samples/step_2.md", "/samples/step_6.md"})
      EXPECT_EQ(read_file(folder.path() + view), read_file(straight.path() + view)) << view;
    EXPECT_EQ(event_records(folder.path()), the_run().steps + 2) << "its first, and step 0";
  }
  EXPECT_GT(kills_after.size(), 1U) << "all kills fell into one phase";
}

}  // namespace
}  // namespace retort
