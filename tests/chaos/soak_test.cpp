// A run whose workers are killed again and again, for as long as one likes: the learner's memory
// and descriptors stay flat, and it ends with the bytes of a quiet run.
//
// Half a minute here with a kill every second; an hour with a kill every 30 s:
//   RETORT_SOAK_S=3600 RETORT_SOAK_KILL_S=30 RETORT_SOAK_CONFIG=configs/quickstart.toml
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace retort {
namespace {

using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string setting(const char* name, const std::string& otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : text;
}

struct Reading {
  double at_s = 0;
  // Its own: the pages of libraries come and go with the machine's other files.
  int64_t memory_kb = 0;
  int64_t descriptors = 0;
};

Reading reading_of(int process, double at_s) {
  const std::string folder = "/proc/" + std::to_string(process);
  Reading reading{at_s, 0, 0};
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);)
    for (const std::string key : {"RssAnon:", "VmSwap:"})
      if (line.starts_with(key)) reading.memory_kb += std::atoll(line.c_str() + key.size());
  reading.descriptors =
      std::distance(fs::directory_iterator(folder + "/fd"), fs::directory_iterator());
  return reading;
}

// The median of the readings in [begin, end): an evaluation's passing peak does not count.
Reading median(const std::vector<Reading>& readings, double begin_s, double end_s) {
  std::vector<int64_t> memory_kb, descriptors;
  for (const Reading& reading : readings) {
    if (reading.at_s < begin_s || reading.at_s >= end_s) continue;
    memory_kb.push_back(reading.memory_kb);
    descriptors.push_back(reading.descriptors);
  }
  if (memory_kb.empty()) return {};
  std::sort(memory_kb.begin(), memory_kb.end());
  std::sort(descriptors.begin(), descriptors.end());
  return {begin_s, memory_kb[memory_kb.size() / 2], descriptors[descriptors.size() / 2]};
}

// The deterministic metrics of every step but the last: the quiet run evaluates after its last one,
// the interrupted one does not.
std::string metrics_before_last(const std::string& run) {
  const std::string text = testing::deterministic_metrics(run);
  return text.substr(0, text.rfind('\n', text.size() - 2) + 1);
}

// The name of the newest checkpoint, "step_812".
std::string newest_checkpoint(const std::string& run) {
  int64_t newest = 0;
  for (const auto& entry : fs::directory_iterator(run + "/checkpoints")) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step_")) newest = std::max<int64_t>(newest, std::stoll(name.substr(5)));
  }
  return "step_" + std::to_string(newest);
}

TEST(Soak, ALongRunIsFlatAndEndsWithTheQuietOnesBytes) {
  const double length_s = std::stod(setting("RETORT_SOAK_S", "30"));
  const double kill_s = std::stod(setting("RETORT_SOAK_KILL_S", "1"));
  const std::string config = setting("RETORT_SOAK_CONFIG", "tests/configs/tiny.toml");
  const TemporaryFolder folder;
  const std::string run = folder.path("soak"), quiet = folder.path("quiet");
  const std::string train = "train " + config + " --quiet --set learner.lr_schedule=constant ";

  ProgramResult result;
  std::thread learner([&] {
    result = run_retort(train + "--set train.steps=100000000 --workers 2 --run '" + run + "'");
  });
  std::vector<Reading> readings;
  int64_t kills = 0;
  const auto begin = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  for (double next_kill = kill_s, next_reading = 0; seconds() < length_s;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::vector<int> processes = testing::processes_of(run);
    if (processes.empty()) {
      if (seconds() > 10) break;  // it ended, wrongly: seen below
      continue;
    }
    if (seconds() >= next_reading) {
      next_reading += std::min(1.0, length_s / 120);  // many: memory breathes with every step
      readings.push_back(reading_of(processes[0], seconds()));
    }
    if (seconds() >= next_kill && processes.size() > 1) {
      next_kill += kill_s;
      const size_t victim = 1 + static_cast<size_t>(kills) % (processes.size() - 1);
      kills += ::kill(processes[victim], SIGKILL) == 0 ? 1 : 0;
    }
  }
  for (const int process : testing::processes_of(run)) {
    ::kill(process, SIGINT);
    break;  // the learner's
  }
  learner.join();
  ASSERT_EQ(result.code, 130) << result.err;
  EXPECT_EQ(testing::processes_left(run), 0u);

  // Warm is what has run for a third of the time. A dozen readings are enough to look at.
  for (size_t i = 0; i < readings.size(); i += 1 + readings.size() / 12)
    std::printf("%8.1f s %10lld KB %4lld descriptors\n", readings[i].at_s,
                static_cast<long long>(readings[i].memory_kb),
                static_cast<long long>(readings[i].descriptors));
  const Reading middle = median(readings, length_s / 3, 2 * length_s / 3);
  const Reading end = median(readings, 2 * length_s / 3, length_s);
  const std::string newest = newest_checkpoint(run);
  std::printf("%lld kills, %s; memory %lld -> %lld KB, descriptors %lld -> %lld\n",
              static_cast<long long>(kills), newest.c_str(),
              static_cast<long long>(middle.memory_kb), static_cast<long long>(end.memory_kb),
              static_cast<long long>(middle.descriptors), static_cast<long long>(end.descriptors));
  std::fflush(stdout);
  EXPECT_GT(static_cast<double>(kills), length_s / kill_s / 2);
  ASSERT_GT(middle.memory_kb, 0);
  ASSERT_GT(end.memory_kb, 0);
  // Half a minute is not warm, and resident memory breathes with every checkpoint.
  const double growth = length_s < 600 ? 1.1 : 1.02;
  EXPECT_LE(static_cast<double>(end.memory_kb), growth * static_cast<double>(middle.memory_kb));
  EXPECT_LE(end.descriptors, middle.descriptors + 1);

  const ProgramResult alone =
      run_retort(train + "--set train.steps=" + newest.substr(5) + " --run '" + quiet + "'");
  ASSERT_EQ(alone.code, 0) << alone.err;
  const std::string checkpoint = "/checkpoints/" + newest;
  for (const std::string file : {"/model.safetensors", "/trainer/state.safetensors"})
    EXPECT_TRUE(file_text(run + checkpoint + file) == file_text(quiet + checkpoint + file)) << file;
  EXPECT_FALSE(file_text(run + checkpoint + "/trainer/state.safetensors").empty());
  EXPECT_EQ(metrics_before_last(run), metrics_before_last(quiet));
}

}  // namespace
}  // namespace retort
