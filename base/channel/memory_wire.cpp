#include "base/channel/memory_wire.h"

#include <deque>
#include <map>
#include <utility>

namespace retort {
namespace {

constexpr size_t kRoom = 4096;  // messages on the way to one end

struct Inbox {
  std::deque<WireArrival> messages;
  bool woken = false;
};

}  // namespace

struct MemoryHub::State {
  std::mutex mutex;
  std::condition_variable changed;  // anything below changed

  // Guarded by mutex.
  std::map<std::string, Inbox> inboxes;  // of the learner under ""
  uint64_t names_made = 0;

  bool put(const std::string& from, const std::string& to, const WireMessage& message) {
    const std::lock_guard lock(mutex);
    const auto inbox = inboxes.find(to);
    if (inbox == inboxes.end() || inbox->second.messages.size() >= kRoom) return false;
    inbox->second.messages.push_back(
        {from, from.empty() ? "the learner" : from, SharedBytes::of(message.head), message.body});
    changed.notify_all();
    return true;
  }
};

namespace {

class MemoryWire final : public Wire {
 public:
  MemoryWire(std::shared_ptr<MemoryHub::State> hub, bool learner) : hub_(std::move(hub)) {
    const std::lock_guard lock(hub_->mutex);
    name_ = learner ? "" : make_name();
    hub_->inboxes[name_] = {};
  }
  ~MemoryWire() override {
    const std::lock_guard lock(hub_->mutex);
    hub_->inboxes.erase(name_);
  }

  bool send(const std::string& peer, const WireMessage& message) override {
    return hub_->put(name_, peer, message);
  }
  std::optional<WireArrival> receive() override {
    const std::lock_guard lock(hub_->mutex);
    auto& messages = hub_->inboxes[name_].messages;
    if (messages.empty()) return std::nullopt;
    WireArrival arrival = std::move(messages.front());
    messages.pop_front();
    return arrival;
  }
  void rest(Deadline deadline) override {
    std::unique_lock lock(hub_->mutex);
    Inbox& inbox = hub_->inboxes[name_];
    rest_until(hub_->changed, lock, deadline,
               [&] { return inbox.woken || !inbox.messages.empty(); });
    inbox.woken = false;
  }
  void wake() override {
    const std::lock_guard lock(hub_->mutex);
    hub_->inboxes[name_].woken = true;
    hub_->changed.notify_all();
  }
  void reset() override {
    const std::lock_guard lock(hub_->mutex);
    if (name_.empty()) return;
    hub_->inboxes.erase(name_);
    std::erase_if(hub_->inboxes[""].messages,
                  [&](const WireArrival& arrival) { return arrival.peer == name_; });
    name_ = make_name();
    hub_->inboxes[name_] = {};
  }
  std::string name() const override { return "memory"; }

 private:
  // The mutex is held.
  std::string make_name() { return "worker " + std::to_string(++hub_->names_made); }

  const std::shared_ptr<MemoryHub::State> hub_;
  std::string name_;  // guarded by hub_->mutex
};

}  // namespace

MemoryHub::MemoryHub() : state_(std::make_shared<State>()) {}

std::unique_ptr<Wire> MemoryHub::learner_wire() {
  return std::make_unique<MemoryWire>(state_, true);
}
std::unique_ptr<Wire> MemoryHub::worker_wire() {
  return std::make_unique<MemoryWire>(state_, false);
}

}  // namespace retort
