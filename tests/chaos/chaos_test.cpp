// kill -9 of any process of a run, at any moment, again and again: the run ends with the bytes of
// the undisturbed one, no process is left, and the database is whole.
//
// 100 kills here; RETORT_CHAOS_KILLS=1000 build/tests/chaos_test for more, RETORT_CHAOS_SEED for
// other moments.
#include "base/philox.h"
#include "base/sqlite.h"
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace retort {
namespace {

using testing::deterministic_metrics;
using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
namespace fs = std::filesystem;

int64_t setting(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}
int64_t wanted_kills() { return setting("RETORT_CHAOS_KILLS", 100); }

std::string train(const std::string& run, uint32_t workers) {
  return "train tests/configs/tiny.toml --quiet --resume --run '" + run + "' --workers " +
         std::to_string(workers);
}

// Sends SIGKILL to one of the run's processes after a moment, as long as there are any.
class Killer {
 public:
  Killer(std::string run, uint32_t round) : run_(std::move(run)), draws_(key(), round, 0, 0) {
    thread_ = std::thread([this] { kill_on(); });
  }
  ~Killer() {
    over_ = true;
    thread_.join();
  }
  int64_t kills() const { return kills_; }

 private:
  static PhiloxKey key() {
    const auto seed = static_cast<uint32_t>(setting("RETORT_CHAOS_SEED", 7));
    return {seed, Purpose::kFaultInjection, 0};
  }
  void kill_on() {
    while (!over_) {
      const auto moment = std::chrono::microseconds(static_cast<int64_t>(1.2e6 * draws_.uniform()));
      const auto end = std::chrono::steady_clock::now() + moment;
      while (!over_ && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      const std::vector<int> processes = testing::processes_of(run_);
      if (over_ || processes.empty()) continue;
      const auto victim =
          static_cast<size_t>(draws_.uniform() * static_cast<double>(processes.size()));
      kills_ += ::kill(processes[victim], SIGKILL) == 0 ? 1 : 0;
    }
  }

  const std::string run_;
  PhiloxStream draws_;
  std::atomic<bool> over_ = false;
  std::atomic<int64_t> kills_ = 0;
  std::thread thread_;
};

TEST(Chaos, AnyProcessMayDieAtAnyMoment) {
  const TemporaryFolder folder;
  const std::string whole = folder.path("whole");
  ASSERT_EQ(run_retort(train(whole, 0)).code, 0);
  int64_t kills = 0;
  for (uint32_t round = 0; kills < wanted_kills(); ++round) {
    ASSERT_LT(round, 100 + wanted_kills()) << "the runs end before they are hit";
    const std::string run = folder.path("run" + std::to_string(round));
    const uint32_t workers = round % 3;
    // It may be killed at every start: after some it is left alone.
    for (int attempt = 0;; ++attempt) {
      ASSERT_LT(attempt, 60);
      int64_t hit = 0;
      ProgramResult result;
      if (attempt < 50) {
        Killer killer(run, round * 64 + static_cast<uint32_t>(attempt));
        result = run_retort(train(run, workers));
        hit = killer.kills();
      } else {
        result = run_retort(train(run, workers));
      }
      kills += hit;
      ASSERT_TRUE(result.code == 0 || result.code == 137) << result.code << ": " << result.err;
      EXPECT_EQ(testing::processes_left(run), 0u);
      if (result.code == 0) break;
    }
    EXPECT_EQ(deterministic_metrics(whole), deterministic_metrics(run));
    EXPECT_TRUE(file_text(whole + "/checkpoints/step_8/trainer/state.safetensors") ==
                file_text(run + "/checkpoints/step_8/trainer/state.safetensors"));
    const ProgramResult compared =
        run_retort("compare '" + whole + "' '" + run + "' --assert-equal");
    EXPECT_EQ(compared.code, 0) << compared.out;
    EXPECT_NO_THROW(Database::open(run + "/run.db", Database::Mode::kRead).check_integrity());
    fs::remove_all(run);
  }
  std::printf("%lld kills\n", static_cast<long long>(kills));
}

}  // namespace
}  // namespace retort
