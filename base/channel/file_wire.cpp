#include "base/channel/file_wire.h"

#include "base/channel/file_segments.h"
#include "base/channel/protocol.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <utility>

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr const char* kToLearner = "/to_learner";
constexpr const char* kToWorker = "/to_worker";
constexpr double kFirstLookSeconds = 0.001, kLongestLookSeconds = 0.02;  // between two looks

// Rests in short pieces: a folder on another machine tells nobody that it changed.
class Looker {
 public:
  template <class Look>
  void rest(Deadline deadline, const Look& look) {
    double pause = kFirstLookSeconds;
    std::unique_lock lock(mutex_);
    while (!woken_ && !deadline.passed() && !look()) {
      const Deadline piece = Deadline::after(std::min(pause, deadline.seconds_left()));
      rest_until(condition_, lock, piece, [&] { return woken_; });
      pause = std::min(1.5 * pause, kLongestLookSeconds);
    }
    woken_ = false;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;  // guarded by mutex_
};

void need_folder(const std::string& folder) {
  make_folder(folder);
  list_folder(folder);
}

class FileLearnerWire final : public Wire {
 public:
  explicit FileLearnerWire(const FileWireOptions& options) : options_(options) {
    need_folder(options_.folder);
    // What was written for a predecessor is none of this learner's.
    look_for_peers();
    for (const auto& [name, peer] : peers_)
      while (peer->reader.next()) {
      }
  }

  bool send(const std::string& peer, const WireMessage& message) override {
    const auto found = peers_.find(peer);
    return found != peers_.end() && found->second->writer.append(message);
  }
  std::optional<WireArrival> receive() override {
    if (!here_) look();
    return std::exchange(here_, std::nullopt);
  }
  void rest(Deadline deadline) override {
    looker_.rest(deadline, [&] { return look(); });
  }
  void wake() override { looker_.wake(); }
  void reset() override {}  // workers come back by themselves
  std::string name() const override { return kFileScheme + options_.folder; }

 private:
  struct Peer {
    Peer(const std::string& folder, uint64_t segment_bytes)
        : writer(folder + kToWorker, segment_bytes), reader(folder + kToLearner) {}
    SegmentWriter writer;
    SegmentReader reader;
  };

  // Whether there is something to receive; it waits in here_.
  bool look() {
    if (here_) return true;
    if (looks_++ % kLooksForPeers == 0) look_for_peers();
    // In turns.
    auto next = peers_.upper_bound(last_);
    for (size_t i = 0; i < peers_.size(); ++i, ++next) {
      if (next == peers_.end()) next = peers_.begin();
      here_ = next->second->reader.next();
      if (!here_) continue;
      here_->peer = last_ = next->first;
      here_->from = options_.folder + "/" + next->first;
      return true;
    }
    return false;
  }
  void look_for_peers() {
    std::error_code failed;
    std::erase_if(peers_, [&](const auto& row) {
      return !fs::exists(options_.folder + "/" + row.first, failed);
    });
    for (fs::directory_iterator entry(options_.folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
      const std::string name = entry->path().filename();
      if (peers_.contains(name) || !fs::exists(entry->path() / "to_learner", failed)) continue;
      try {
        peers_.emplace(name, std::make_unique<Peer>(entry->path(), options_.segment_bytes));
      } catch (const UserError& error) {
        log::detail(error.what());  // it went away just now
      }
    }
  }

  static constexpr uint64_t kLooksForPeers = 4;

  const FileWireOptions options_;
  std::map<std::string, std::unique_ptr<Peer>> peers_;
  std::optional<WireArrival> here_;
  std::string last_;  // peer that was heard last
  uint64_t looks_ = 0;
  Looker looker_;
};

class FileWorkerWire final : public Wire {
 public:
  explicit FileWorkerWire(const FileWireOptions& options) : options_(options) {
    need_folder(options_.folder);
    open();
  }
  ~FileWorkerWire() override { close(); }

  bool send(const std::string& /*peer*/, const WireMessage& message) override {
    return writer_->append(message);
  }
  std::optional<WireArrival> receive() override {
    if (!here_) here_ = reader_->next();
    if (here_) here_->from = own_;
    return std::exchange(here_, std::nullopt);
  }
  void rest(Deadline deadline) override {
    looker_.rest(deadline, [&] {
      if (!here_) here_ = reader_->next();
      return here_.has_value();
    });
  }
  void wake() override { looker_.wake(); }
  void reset() override {
    close();
    open();
  }
  std::string name() const override { return kFileScheme + options_.folder; }

 private:
  void open() {
    char number[24];
    std::snprintf(number, sizeof number, "%016llx", static_cast<unsigned long long>(random_name()));
    own_ = options_.folder + "/" + number;
    make_folder(own_ + kToWorker);
    writer_.emplace(own_ + kToLearner, options_.segment_bytes);
    reader_.emplace(own_ + kToWorker);
  }
  void close() {
    here_.reset();
    writer_.reset();
    reader_.reset();
    std::error_code failed;  // a folder that stays is in nobody's way
    fs::remove_all(own_, failed);
  }

  const FileWireOptions options_;
  std::string own_;
  std::optional<SegmentWriter> writer_;
  std::optional<SegmentReader> reader_;
  std::optional<WireArrival> here_;
  Looker looker_;
};

}  // namespace

std::unique_ptr<Wire> file_learner_wire(const FileWireOptions& options) {
  return std::make_unique<FileLearnerWire>(options);
}
std::unique_ptr<Wire> file_worker_wire(const FileWireOptions& options) {
  return std::make_unique<FileWorkerWire>(options);
}

}  // namespace retort
