// Faults of runs with several processes, as a user meets them: one line says what is wrong, nothing
// hangs, no process is left, and the run ends with the bytes of the quiet one.
#include "tests/e2e/worker_faults.h"

#include "base/sqlite.h"

#include <nlohmann/json.hpp>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace retort {
namespace {

using testing::comes_true;
using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::SmallDisk;
using testing::Started;
using testing::write_text;
namespace fs = std::filesystem;

constexpr double kBeyondSilenceS = 6.5;  // with --silence-s 5

void rest(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

class WorkerFaults : public testing::WorkerFaultsTest {
 protected:
  // A run whose processes are train's, or started by hand; `prefix` is what all are started with.
  struct Processes {
    std::unique_ptr<Started> learner;
    std::vector<std::unique_ptr<Started>> workers;  // of `learn`
    std::string endpoint;
  };
  static Processes start(bool by_hand, const std::string& run, const std::string& rest = "",
                         const std::string& prefix = "") {
    Processes all;
    if (!by_hand) {
      all.learner = std::make_unique<Started>(train(run, "--workers 2 " + rest), prefix);
      return all;
    }
    all.endpoint = "ipc://" + run + ".socket";
    all.learner = std::make_unique<Started>(learn(run, all.endpoint, rest), prefix);
    endpoint_of(run, *all.learner);
    for (int i = 0; i < 2; ++i)
      all.workers.push_back(std::make_unique<Started>(rollout(run, all.endpoint, rest), prefix));
    return all;
  }
  static void expect_all_end_well(Processes& all) {
    const ProgramResult result = all.learner->end();
    EXPECT_EQ(result.code, 0) << result.err;
    for (const auto& worker : all.workers) {
      const ProgramResult left = worker->end(60);
      EXPECT_EQ(left.code, 0) << left.err;
    }
  }
  // The learner has ended; it is started again, and all goes on to the end.
  static void expect_resumes(Processes& all, const std::string& run) {
    if (all.workers.empty()) expect_no_process_left(run);
    all.learner =
        std::make_unique<Started>(all.workers.empty() ? train(run, "--workers 2 --resume")
                                                      : learn(run, all.endpoint, "--resume"));
    expect_all_end_well(all);
    expect_the_quiet_bytes(run);
    expect_no_process_left(run);
  }
};

TEST_F(WorkerFaults, ADiskThatIsFull) {
  SmallDisk disk(path("disk"), "64m");
  if (!disk.is_mounted()) GTEST_SKIP() << disk.trouble();
  for (const bool by_hand : {false, true}) {
    const std::string run = path(by_hand ? "disk/learn" : "disk/train");
    Processes all = start(by_hand, run);
    ASSERT_TRUE(has_done(run, 2));
    disk.fill();
    const ProgramResult result = all.learner->end();
    EXPECT_EQ(result.code, 2) << result.err;
    const size_t line = result.err.rfind("retort: " + run);
    ASSERT_NE(line, std::string::npos) << result.err;
    const std::string said = result.err.substr(line);
    EXPECT_TRUE(said.find("No space left on device") != std::string::npos ||
                said.find("database or disk is full") != std::string::npos)
        << said;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << "one line";
    disk.make_room();
    expect_resumes(all, run);
    fs::remove_all(run);
  }
}

TEST_F(WorkerFaults, ADirectoryThatCannotBeWritten) {
  SmallDisk disk(path("read_only"), "64m");
  if (!disk.is_mounted()) GTEST_SKIP() << disk.trouble();
  for (const bool by_hand : {false, true}) {
    const std::string run = path(by_hand ? "read_only/learn" : "read_only/train");
    const std::string socket = "ipc://" + path("read_only_socket");
    const auto arguments = [&](const std::string& rest) {
      return by_hand ? learn(run, socket, rest) : train(run, "--workers 2 " + rest);
    };
    disk.make_writable(false);
    ProgramResult result = run_retort(arguments(""));
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.err, "retort: " + run +
                              ": cannot be made (Read-only file system); choose a place that can "
                              "be written\n");
    disk.make_writable(true);
    Processes all = start(by_hand, run);
    ASSERT_TRUE(has_done(run, 2));
    all.learner->signal(SIGKILL);
    EXPECT_EQ(all.learner->end().code, 137);
    if (!by_hand) expect_no_process_left(run);
    disk.make_writable(false);
    result = run_retort(arguments("--resume"));
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_EQ(result.err, "retort: " + run +
                              "/run.db: cannot be written (attempt to write a readonly database); "
                              "allow writing to it\n");
    disk.make_writable(true);
    expect_resumes(all, run);
    fs::remove_all(run);
  }
}

// Deadlines, silence and time_s are those of a clock that only counts.
TEST_F(WorkerFaults, AClockThatIsSetBack) {
  if (std::string(RETORT_SANITIZE) != "") GTEST_SKIP() << "a sanitizer wants to be loaded first";
  const std::string clock = fs::canonical("/proc/self/exe").parent_path() / "libshifted_clock.so";
  ASSERT_TRUE(fs::exists(clock));
  for (const bool by_hand : {false, true}) {
    const std::string run = path(by_hand ? "clock_learn" : "clock_train");
    const std::string set_back = run + ".set_back";
    Processes all = start(by_hand, run, "--silence-s 3",
                          "env LD_PRELOAD='" + clock + "' RETORT_SHIFTED_CLOCK='" + set_back + "'");
    ASSERT_TRUE(has_done(run, 2));
    write_text(set_back, "");
    expect_all_end_well(all);
    expect_the_quiet_bytes(run);
    expect_no_process_left(run);
    // It was: the last step began hours before the first one.
    Database record = Database::open(run + "/run.db", Database::Mode::kRead);
    EXPECT_EQ(record.integer("SELECT (SELECT started_at FROM step WHERE step = 8) < "
                             "(SELECT started_at FROM step WHERE step = 1) - 3600"),
              1);
    double before = 0;
    for (const nlohmann::json& row : testing::metrics_of(run)) {
      EXPECT_GE(row["time_s"].get<double>(), before);
      before = row["time_s"].get<double>();
    }
    EXPECT_EQ(file_text(run + "/log.txt").find("is lost"), std::string::npos);
  }
}

TEST_F(WorkerFaults, AnotherBuildOrConfigurationIsRefused) {
  const std::string run = path("builds"), endpoint = "ipc://" + path("builds_socket");
  const std::string program = std::getenv("RETORT_PROGRAM");
  // A program of other sources, as far as it knows.
  const std::string version = run_retort("--version").out;
  const size_t sources = version.find("sources ");
  ASSERT_NE(sources, std::string::npos) << version;
  const std::string built = version.substr(sources + 8, 12), patched = "0123456789ab";
  std::string other = file_text(program);
  size_t changed = 0;
  for (size_t at = other.find(built); at != std::string::npos; at = other.find(built, at + 1)) {
    other.replace(at, built.size(), patched);
    ++changed;
  }
  ASSERT_GE(changed, 1u);
  write_text(path("other"), other);
  fs::permissions(path("other"), fs::perms::owner_all);

  Started learner(learn(run, endpoint));
  endpoint_of(run, learner);
  ::setenv("RETORT_PROGRAM", path("other").c_str(), 1);
  const ProgramResult build = run_retort(rollout(run, endpoint, "--name old"));
  ::setenv("RETORT_PROGRAM", program.c_str(), 1);
  EXPECT_EQ(build.code, 2);
  EXPECT_TRUE(build.err.starts_with("retort: --connect " + endpoint +
                                    ": the learner refuses this worker: the build differs: the "
                                    "worker has retort "))
      << build.err;
  expect_says(build.err, patched);
  expect_says(build.err, built);
  expect_says(build.err, "; start it with the learner's program, configuration and token\n");
  const ProgramResult config =
      run_retort(rollout(run, endpoint, "--name warm --set rollout.temperature=0.5"));
  EXPECT_EQ(config.code, 2);
  expect_says(config.err, "refuses this worker: the configuration differs: the worker has ");

  Started worker(rollout(run, endpoint));
  EXPECT_EQ(learner.end().code, 0);
  EXPECT_EQ(worker.end().code, 0);
  const std::string log = file_text(run + "/log.txt");
  expect_says(log, "refused old from ");
  expect_says(log, ": the build differs: ");
  expect_says(log, "refused warm from ");
  expect_says(log, ": the configuration differs: ");
  expect_the_quiet_bytes(run);
}

// Who was stopped does not hold its own absence against the others.
TEST_F(WorkerFaults, StoppedAndContinued) {
  for (const bool by_hand : {false, true}) {
    const std::string run = path(by_hand ? "stop_learn" : "stop_train");
    Processes all = start(by_hand, run, "--silence-s 5");
    ASSERT_TRUE(has_done(run, 1));
    std::vector<int> processes = testing::processes_of(run);
    ASSERT_EQ(processes.size(), 3u);
    const auto stop_and_continue = [&](const std::vector<int>& which, double seconds) {
      for (const int process : which) EXPECT_EQ(::kill(process, SIGSTOP), 0);
      rest(seconds);
      for (const int process : which) EXPECT_EQ(::kill(process, SIGCONT), 0);
    };
    stop_and_continue({all.learner->id()}, kBeyondSilenceS);
    ASSERT_TRUE(has_done(run, 2));
    if (by_hand) stop_and_continue(processes, kBeyondSilenceS);  // the machine
    ASSERT_TRUE(has_done(run, 3));
    std::erase(processes, all.learner->id());
    stop_and_continue(processes, 1);
    ASSERT_TRUE(has_done(run, 4));
    EXPECT_EQ(file_text(run + "/log.txt").find("is lost"), std::string::npos);
    EXPECT_EQ(all.learner->said().find("started again"), std::string::npos);
    expect_says(all.learner->said(), "this process did not run for ");
    // Longer than the learner waits: they are lost. Its own are started again, others come back.
    for (const int process : processes) EXPECT_EQ(::kill(process, SIGSTOP), 0);
    const std::string lost =
        by_hand ? "is lost: nothing was heard of it for 5 s" : "ended (silent for ";
    EXPECT_TRUE(comes_true(120, [&] {
      const std::string log = file_text(run + "/log.txt");
      const size_t first = log.find(lost);
      return first != std::string::npos && log.find(lost, first + 1) != std::string::npos;
    })) << file_text(run + "/log.txt");
    if (by_hand) stop_and_continue(processes, 0);
    expect_all_end_well(all);
    expect_the_quiet_bytes(run);
    expect_no_process_left(run);
  }
}

TEST_F(WorkerFaults, FourWorkersOnTwoCores) {
  const std::string run = path("four"), endpoint = "ipc://" + path("four_socket");
  Started learner(learn(run, endpoint), "taskset -c 0,1");
  endpoint_of(run, learner);
  std::vector<std::unique_ptr<Started>> workers;
  for (int i = 0; i < 4; ++i)
    workers.push_back(
        std::make_unique<Started>(rollout(run, endpoint, "--most-samples 8"), "taskset -c 0,1"));
  const ProgramResult result = learner.end(300);
  EXPECT_EQ(result.code, 0) << result.err;
  for (const auto& worker : workers) EXPECT_EQ(worker->end(60).code, 0) << worker->said();
  expect_the_quiet_bytes(run);
}

// The learner is stopped so that workers hold what it cannot take, and killed; so is a worker that
// is sending. Both are started again.
TEST_F(WorkerFaults, KilledWhileSamplesAreUnderWay) {
  const std::string run = path("under_way");
  Processes all = start(true, run);
  for (size_t steps = 1; steps <= 4; steps += 3) {
    ASSERT_TRUE(has_done(run, steps));
    all.learner->signal(SIGSTOP);
    rest(0.3);
    all.workers[0]->signal(SIGKILL);
    EXPECT_EQ(all.workers[0]->end().code, 137);
    all.learner->signal(SIGKILL);
    EXPECT_EQ(all.learner->end().code, 137);
    all.learner = std::make_unique<Started>(learn(run, all.endpoint, "--resume"));
    all.workers[0] = std::make_unique<Started>(rollout(run, all.endpoint));
  }
  expect_all_end_well(all);
  expect_the_quiet_bytes(run);
  expect_no_process_left(run);
}

// The kernel closes the connection of a killed worker: its share is another one's long before it
// would be lost by its silence.
TEST_F(WorkerFaults, AKilledWorkerOfLearnIsNoticedByItsConnection) {
  const std::string run = path("closed");
  Processes all = start(true, run, "--silence-s 600");
  ASSERT_TRUE(has_done(run, 2));
  all.workers[0]->signal(SIGKILL);
  EXPECT_EQ(all.workers[0]->end().code, 137);
  all.workers.erase(all.workers.begin());
  const ProgramResult result = all.learner->end(120);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(all.workers[0]->end(60).code, 0) << all.workers[0]->said();
  expect_the_quiet_bytes(run);
  expect_no_process_left(run);
}

// A worker outlives its learner and finds another run's in its place.
TEST_F(WorkerFaults, AWorkerThatComesBackToAnotherRunIsRefusedAloud) {
  const std::string run = path("first_run"), other = path("other_run");
  Processes all = start(true, run);
  ASSERT_TRUE(has_done(run, 2));
  all.learner->signal(SIGKILL);
  EXPECT_EQ(all.learner->end().code, 137);
  Started another(learn(other, all.endpoint));
  for (const auto& worker : all.workers) {
    const ProgramResult left = worker->end(60);
    EXPECT_EQ(left.code, 2);
    expect_says(left.err, "retort: --connect " + all.endpoint +
                              ": the learner refuses this worker: the run token differs; start it "
                              "with the learner's program, configuration and token\n");
  }
  another.signal(SIGINT);
  EXPECT_EQ(another.end(60).code, 130) << another.said();
}

// Workers that are there and give nothing: two waves of groups are given up.
TEST_F(WorkerFaults, TooManyGroupsGivenUpEndTheRunAtTheirSetting) {
  const std::string run = path("nothing");
  const std::string settings = "--silence-s 600 --set train.sample_deadline_s=2";
  Processes all = start(true, run, settings);
  ASSERT_TRUE(has_done(run, 1));
  for (const auto& worker : all.workers) worker->signal(SIGSTOP);
  const ProgramResult result = all.learner->end(60);
  EXPECT_EQ(result.code, 2) << result.err;
  expect_says(result.err, "retort: [train.sample_deadline_s]: step ");
  expect_says(result.err, " groups could not be had; the last: no sample within 2 s: ");
  for (const auto& worker : all.workers) worker->signal(SIGCONT);
  all.learner = std::make_unique<Started>(learn(run, all.endpoint, "--resume"));
  expect_all_end_well(all);
  EXPECT_TRUE(has_done(run, 8));  // on a busy machine its first step may have had a decision
  expect_no_process_left(run);
}

TEST_F(WorkerFaults, AllLeaveAndAnotherOneComes) {
  const std::string run = path("leave");
  Processes all = start(true, run, "--silence-s 20.5");
  ASSERT_TRUE(has_done(run, 2));
  for (const auto& worker : all.workers) {
    worker->signal(SIGTERM);
    EXPECT_EQ(worker->end().code, 130) << worker->said();
  }
  all.workers.clear();
  EXPECT_TRUE(comes_true(120, [&] {
    return all.learner->said().find("from workers: none is connected to " + all.endpoint) !=
           std::string::npos;
  })) << all.learner->said();
  expect_says(all.learner->said(), "waiting for samples of group ");
  // Whoever waits alone can be ended; what is saved stands.
  all.learner->signal(SIGINT);
  ProgramResult result = all.learner->end(60);
  EXPECT_EQ(result.code, 130) << result.err;
  expect_says(result.err, " --resume --listen " + all.endpoint + " --silence-s 20.5\n");
  all.learner = std::make_unique<Started>(learn(run, all.endpoint, "--resume"));
  endpoint_of(run, *all.learner);
  all.workers.push_back(std::make_unique<Started>(rollout(run, all.endpoint)));
  expect_all_end_well(all);
  expect_the_quiet_bytes(run);
  expect_no_process_left(run);
}

// The learner is killed after its last checkpoint, before it could say so.
TEST_F(WorkerFaults, WorkersHearThatTheRunIsOverFromItsSuccessor) {
  const std::string run = path("over"), endpoint = "ipc://" + path("over_socket");
  fs::copy(path("quiet"), run, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  write_text(run + "/token", "of this run\n");
  Started waits(rollout(run, endpoint, "--quiet"));
  rest(1);
  EXPECT_TRUE(waits.running()) << waits.said();
  const ProgramResult result = run_retort(learn(run, endpoint, "--resume"));
  EXPECT_EQ(result.code, 0) << result.err;
  expect_says(result.err, "the run is over; workers that look for " + endpoint + " are told");
  const ProgramResult told = waits.end(30);
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_EQ(told.err, "");
  expect_the_quiet_bytes(run);
}

}  // namespace
}  // namespace retort
