#include "base/channel/faulty_wire.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace retort {
namespace {

class FaultyWire final : public Wire {
 public:
  FaultyWire(std::unique_ptr<Wire> inner, const FaultRates& rates, uint32_t seed, uint32_t stream)
      : inner_(std::move(inner)), rates_(rates), seed_(seed), stream_(stream) {}

  bool send(const std::string& peer, const WireMessage& message) override {
    PhiloxStream draw({seed_, Purpose::kFaultInjection, stream_}, number_++, 0, 0);
    double left = draw.uniform();
    const auto falls_on = [&left](double rate) { return (left -= rate) < 0; };
    bool sent = true;
    if (falls_on(rates_.lost)) {
      // It is on its way, as far as its sender can know.
    } else if (falls_on(rates_.doubled)) {
      sent = inner_->send(peer, message) && inner_->send(peer, message);
    } else if (falls_on(rates_.reordered)) {
      held_.push_back({peer, message, draw.range(1, 4)});
      return true;
    } else if (falls_on(rates_.cut)) {
      sent = inner_->send(peer, cut(message, draw));
    } else if (falls_on(rates_.poisoned)) {
      sent = inner_->send(peer, poisoned(message, draw));
    } else {
      sent = inner_->send(peer, message);
    }
    let_go();
    return sent;
  }
  std::optional<WireArrival> receive() override { return inner_->receive(); }
  void rest(Deadline deadline) override { inner_->rest(deadline); }
  void wake() override { inner_->wake(); }
  void reset() override {
    held_.clear();
    inner_->reset();
  }
  std::vector<std::string> departed() override { return inner_->departed(); }
  std::string name() const override { return inner_->name() + " with faults"; }
  std::string trouble() const override { return inner_->trouble(); }
  double resend_after_s() const override { return std::min(0.02, inner_->resend_after_s()); }

 private:
  struct Held {
    std::string peer;
    WireMessage message;
    int64_t later;  // messages that pass before it
  };

  // One whose turn has come is sent; those behind it wait for the next message.
  void let_go() {
    for (Held& held : held_) --held.later;
    const auto due =
        std::find_if(held_.begin(), held_.end(), [](const Held& held) { return held.later <= 0; });
    if (due == held_.end()) return;
    inner_->send(due->peer, due->message);
    held_.erase(due);
  }

  static std::vector<uint8_t> copy(const SharedBytes& bytes) {
    return {bytes.bytes.begin(), bytes.bytes.end()};
  }

  static WireMessage cut(WireMessage message, PhiloxStream& draw) {
    auto shorter = [&draw](std::vector<uint8_t> bytes) {
      bytes.resize(static_cast<size_t>(draw.range(0, std::ssize(bytes) - 1)));
      return bytes;
    };
    if (message.body.empty())
      message.head = shorter(std::move(message.head));
    else
      message.body = SharedBytes::of(shorter(copy(message.body)));
    return message;
  }

  static WireMessage poisoned(WireMessage message, PhiloxStream& draw) {
    std::vector<uint8_t> body = copy(message.body);
    const auto size = std::ssize(message.head) + std::ssize(body);
    // Odd in number: flips that undo each other never undo all.
    for (int64_t flips = 1 + 2 * draw.range(0, 3); flips > 0; --flips) {
      const auto at = static_cast<size_t>(draw.range(0, size - 1));
      uint8_t& byte = at < message.head.size() ? message.head[at] : body[at - message.head.size()];
      byte ^= static_cast<uint8_t>(1u << draw.range(0, 7));
    }
    if (!body.empty()) message.body = SharedBytes::of(std::move(body));
    return message;
  }

  const std::unique_ptr<Wire> inner_;
  const FaultRates rates_;
  const uint32_t seed_, stream_;
  uint32_t number_ = 0;  // of the next message
  std::deque<Held> held_;
};

}  // namespace

std::unique_ptr<Wire> faulty_wire(std::unique_ptr<Wire> inner, const FaultRates& rates,
                                  uint32_t seed, uint32_t stream) {
  return std::make_unique<FaultyWire>(std::move(inner), rates, seed, stream);
}

}  // namespace retort
