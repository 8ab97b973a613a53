// What run.db takes: steps of the quickstart's size, from the first record to the last sync. It
// lies where the system keeps its temporary files.
#include "base/check.h"
#include "learner/run_store.h"
#include "tools/retort/bench_run.h"
#include "tools/retort/stopwatch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSteps = 40, kGroups = 32, kSlots = 8;
constexpr size_t kTokens = 60;  // of a completion
constexpr double kPatienceS = 60;

// A folder of its own, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "retort_bench_XXXXXX").string();
    RT_CHECK(::mkdtemp(pattern.data()) != nullptr) << "no folder " << pattern;
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code failed;  // what stays is temporary
    fs::remove_all(path_, failed);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<Task> tasks_of(int64_t step) {
  std::vector<Task> tasks(kGroups);
  for (size_t t = 0; t < tasks.size(); ++t) {
    tasks[t].uid = static_cast<uint64_t>(step) * kGroups + t;
    tasks[t].family = "chain_sum";
    tasks[t].prompt = "12+34-5=";
    tasks[t].answer = R"({"target":41})";
  }
  return tasks;
}

std::vector<ScoredGroup> groups_of(int64_t step) {
  std::vector<ScoredGroup> groups(kGroups);
  for (uint32_t g = 0; g < groups.size(); ++g)
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      Sample sample;
      sample.id = {static_cast<uint32_t>(step), g, slot, 0};
      sample.prompt_length = 9;
      sample.tokens.assign(9 + kTokens, static_cast<int32_t>(g + slot));
      sample.loss_mask.assign(kTokens, 1);
      sample.logprobs.assign(kTokens, -0.5f);
      sample.entropies.assign(kTokens, 0.25f);
      sample.versions.assign(kTokens, static_cast<uint32_t>(step - 1));
      Verdict verdict;
      verdict.id = sample.id;
      verdict.outcome = Outcome::kValue;
      verdict.score = slot % 2;
      verdict.parts = {{"task", 1.0, Outcome::kValue, verdict.score, ""}};
      groups[g].samples.push_back(std::move(sample));
      groups[g].verdicts.push_back(std::move(verdict));
    }
  return groups;
}

// Seconds for all steps; `bytes`: of the database afterwards.
double write_steps(const std::string& folder, uintmax_t& bytes) {
  RunStore store = RunStore::create(folder, {"", 0, "retort bench", "", ""});
  const std::string text(kTokens, 'x');
  std::vector<std::vector<ScoredGroup>> groups;
  for (int64_t step = 1; step <= kSteps; ++step) groups.push_back(groups_of(step));
  Stopwatch watch;
  for (int64_t step = 1; step <= kSteps; ++step) {
    store.record_tasks(step, 0, tasks_of(step));
    store.record_groups(step, groups[static_cast<size_t>(step - 1)],
                        [&](const Sample&) { return text; });
    MetricRow row;
    row.set("step", step);
    store.record_metrics(step, row);
    store.finish_step(step);
  }
  RT_CHECK(store.flush(Deadline::after(kPatienceS))) << "the disk took no rows";
  const double seconds = watch.lap();
  bytes = fs::file_size(RunStore::path(folder)) + fs::file_size(RunStore::path(folder) + "-wal");
  return seconds;
}

// Seconds for as many bytes in a plain file, synced after every step.
double write_plainly(const std::string& path, uintmax_t bytes) {
  const std::string block(bytes / kSteps, 'x');
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  RT_CHECK_GE(file, 0) << path;
  Stopwatch watch;
  for (int64_t step = 0; step < kSteps; ++step) {
    RT_CHECK_EQ(::write(file, block.data(), block.size()), static_cast<ssize_t>(block.size()));
    RT_CHECK_EQ(::fdatasync(file), 0);
  }
  const double seconds = watch.lap();
  ::close(file);
  return seconds;
}

}  // namespace

void bench_record(kernels::Bench& bench) {
  constexpr int kRepeats = 3;
  double seconds = 1e30, bound = 1e30;
  for (int i = 0; i < kRepeats; ++i) {
    const Scratch scratch;
    uintmax_t bytes = 0;
    seconds = std::min(seconds, write_steps(scratch.path(), bytes));
    bound = std::min(bound, write_plainly(scratch.path() + "/plain", bytes));
  }
  bench.add_beside("record",
                   {{"steps", kSteps}, {"samples", kGroups * kSlots}, {"tokens", int64_t{kTokens}}},
                   "disk", bound, static_cast<double>(kSteps * kGroups * kSlots), "1/s", seconds);
}

}  // namespace retort
