#include "tools/retort/worker_pool.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/record/weights_digest.h"
#include "kernels/parallel.h"
#include "policy/hf_model.h"
#include "policy/weight_link.h"
#include "tools/retort/build.h"
#include "tools/retort/connection.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace retort {
namespace {

constexpr double kEndS = 10;           // for workers to leave when the run is over
constexpr double kHeardS = 5;          // a worker looks for its learner every second
constexpr double kLookS = 0.1;         // whether it is time to go
constexpr double kAwayS = 2;           // for a worker that was lost to come back by itself
constexpr double kLongestLookS = 0.5;  // between two looks that count for it
constexpr double kSoonS = 60;     // a process that ends earlier, with no sample given, has failed
constexpr int kMostFailures = 5;  // in a row
constexpr const char* kKilled = "signal 9";
constexpr const char* kLoopback = "tcp://127.0.0.1:*";

std::string last_line(const std::string& path) {
  std::string text = std::filesystem::exists(path) ? read_file(path) : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const size_t begin = text.rfind('\n');
  return one_line(begin == std::string::npos ? text : text.substr(begin + 1));
}

// An endpoint at all addresses of this machine as others call it.
std::string reached_at(const std::string& endpoint) {
  for (const std::string_view all : {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"}) {
    char name[256] = "";
    if (endpoint.starts_with(all) && ::gethostname(name, sizeof name - 1) == 0)
      return "tcp://" + std::string(name) + ":" + endpoint.substr(all.size());
  }
  return endpoint;
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::string token_path(const std::string& run_dir) { return run_dir + "/token"; }

std::string read_token(const std::string& path) {
  std::string token = read_file(path);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty()) throw UserError(path, "is empty", "write the run's token into it");
  return token;
}

std::string new_run_token() {
  std::array<uint64_t, 2> bits{};
  RT_CHECK_EQ(::getrandom(bits.data(), sizeof bits, 0), static_cast<ssize_t>(sizeof bits));
  return fmt::format("{:016x}{:016x}", bits[0], bits[1]);
}

ChannelIdentity channel_identity(const RunConfig& config, const std::string& model_dir,
                                 const std::string& run_token) {
  std::string text = deciding_settings(config);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                           "generation_config.json"}) {
    const std::string path = model_dir + "/" + name;
    if (std::filesystem::exists(path)) text += read_file(path);
  }
  return {build_text(), text_digest(text), run_token};
}

WorkerPool::WorkerPool(const WorkerPlan& plan, const RunConfig& config, size_t credits)
    : identity_(channel_identity(config, resolve_model_dir(config.model.path, "[model.path]"),
                                 plan.run_token.empty() ? new_run_token() : plan.run_token)) {
  ZeromqLearnerOptions connection = plan.connection;
  if (connection.endpoint.empty()) connection.endpoint = kLoopback;
  std::unique_ptr<Wire> wire = learner_wire(connection);
  endpoint_ = wire->name();
  has_keys_ = connection.keys.has_value();
  LearnerOptions options;
  options.identity = identity_;
  options.credits = credits;
  options.timing.silence_s = silence_s_ = plan.silence_s;
  channel_ = std::make_unique<RemoteLearner>(std::move(wire), options);
  if (plan.processes == 0) return;
  const int64_t samples = config.train.prompts_per_step * config.rollout.group_size;
  most_samples_ = std::min(config.rollout.max_sequences, ceil_div(samples, plan.processes));
  threads_ = ceil_div(kernels::threads(), plan.processes);
  for (int64_t i = 1; i <= plan.processes; ++i)
    processes_.emplace_back().name = fmt::format("worker {}", i);
}

WorkerPool::~WorkerPool() = default;

std::string WorkerPool::log_path(const Process& process) const {
  std::string name = process.name;
  std::replace(name.begin(), name.end(), ' ', '-');
  return run_dir_ + "/" + name + ".log";
}

void WorkerPool::start(Process& process) {
  process.child = std::make_unique<ChildProcess>(
      std::vector<std::string>{"rollout", run_dir_ + "/config.toml", "--connect", endpoint_,
                               "--name", process.name, "--most-samples",
                               std::to_string(most_samples_), "--threads", std::to_string(threads_),
                               "--silence-s", fmt::format("{}", silence_s_)},
      std::vector<std::pair<std::string, std::string>>{{kRunTokenVariable, identity_.run_token}},
      log_path(process));
  process.started = Deadline::Clock::now();
  process.greeted = false;
  process.away_s = 0;
}

void WorkerPool::start(const std::string& run_dir) {
  run_dir_ = run_dir;
  for (Process& process : processes_) start(process);
  if (!processes_.empty()) return;
  const std::string token = token_path(run_dir);
  write_file_atomic(token, identity_.run_token + "\n", 0600);
  log::info(fmt::format("workers: retort rollout {}/config.toml --connect {} --token-file {}{}",
                        run_dir, reached_at(endpoint_), token,
                        has_keys_ ? " --keys WORKER.KEYS --learner-key LEARNER.PUB" : ""));
}

void WorkerPool::publish(const Weights& weights, const Version& version) {
  channel_->publish(copy_weights(weights, version));
}

std::string WorkerPool::holders() const {
  std::string text;
  const std::vector<WorkerRow> rows = channel_->workers();
  for (const WorkerRow& row : rows) {
    if (row.assignments == 0) continue;
    text +=
        fmt::format("{}{} ({} assignments{})", text.empty() ? "" : ", ", row.name, row.assignments,
                    row.silent_s >= 2 ? fmt::format(", silent for {:.0f} s", row.silent_s) : "");
  }
  if (!text.empty()) return text;
  return rows.empty() ? fmt::format("workers: none is connected to {}", endpoint_)
                      : fmt::format("{} workers that have taken none", rows.size());
}

void WorkerPool::watch() {
  if (processes_.empty()) return;
  const std::vector<WorkerRow> rows = channel_->workers();
  const Deadline::Clock::time_point now = Deadline::Clock::now();
  const double since_last = seconds(now - std::exchange(watched_, now));
  for (Process& process : processes_) {
    if (!process.child) {
      if (now >= process.start_at) start(process);
      continue;
    }
    // The row of the process before this one is there for a moment yet.
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const WorkerRow& one) {
      return one.name == process.name && one.silent_s < seconds(now - process.started);
    });
    if (row != rows.end() && row->samples > 0) {
      process.failures = 0;
      gave_samples_ = true;
    }
    if (const std::optional<std::string> ended = process.child->ended()) {
      replace(process, *ended);
      continue;
    }
    // The channel lost it by its silence. One that comes back by itself is let in again.
    process.greeted |= row != rows.end();
    const bool is_away = process.greeted && row == rows.end();
    process.away_s = is_away ? process.away_s + std::min(since_last, kLongestLookS) : 0;
    if (process.away_s < kAwayS) continue;
    process.child->kill();
    replace(process, fmt::format("silent for {:.0f} s", silence_s_ + process.away_s));
  }
}

void WorkerPool::replace(Process& process, const std::string& ended) {
  channel_->lose(process.name);
  const auto now = Deadline::Clock::now();
  const double lived = seconds(now - process.started);
  process.failures = lived < kSoonS ? process.failures + 1 : 0;
  const std::string said = last_line(log_path(process));
  // What somebody else killed has not failed by itself.
  if (process.failures > kMostFailures && !gave_samples_ && ended != kKilled)
    throw InternalError(
        fmt::format("{} ended {} times soon after its start, with no sample given ({}): {}",
                    process.name, process.failures, ended, said));
  const int pause_s =
      process.failures <= kMostFailures ? 0 : std::min(1 << (process.failures - kMostFailures), 32);
  log::warn(fmt::format(
      "{} ended ({}){}; {}", process.name, ended, said.empty() ? "" : ": " + said,
      pause_s == 0 ? "started again" : fmt::format("it is started again in {} s", pause_s)));
  process.child.reset();
  process.start_at = now + std::chrono::seconds(pause_s);
  if (pause_s == 0) start(process);
}

void WorkerPool::finish(bool resumed) {
  if (processes_.empty() && resumed) {
    const Deadline heard =
        Deadline::at(opened_ + std::chrono::duration_cast<Deadline::Clock::duration>(
                                   std::chrono::duration<double>(kHeardS)));
    const WaitScope what("workers that are to hear that the run is over",
                         "who looks for " + endpoint_, heard);
    log::info(fmt::format("the run is over; workers that look for {} are told", endpoint_));
    while (!heard.passed() && !interrupted()) wait_a_moment(what, Deadline::after(kLookS));
  }
  const Deadline deadline = Deadline::after(kEndS);
  for (Process& process : processes_)
    if (process.child && !process.child->join(deadline)) process.child->kill();
  processes_.clear();
}

}  // namespace retort
