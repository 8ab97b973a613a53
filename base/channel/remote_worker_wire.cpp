#include "base/channel/remote_worker.h"
#include "base/log.h"
#include "base/record/codec.h"
#include "base/wait.h"

#include <algorithm>
#include <utility>

// The thread of a worker's wire. It alone touches the link and the fetch; what the ends see is
// changed under the mutex.
namespace retort {
namespace {

constexpr int kArrivalsAtATime = 32;  // then the ends have their turn
constexpr double kFirstHelloSeconds = 0.05, kLongestHelloSeconds = 1;
constexpr double kLastWordsSeconds = 0.5;  // for a goodbye to arrive

}  // namespace

void RemoteWorker::State::run() {
  hello_every_s_ = kFirstHelloSeconds;
  reset_due_ = after(LinkClock::now(), options_.timing.silence_s);
  std::optional<LinkTime> last_words;
  while (true) {
    LinkTime now = look_at_clock();
    bool stopping = false, reset = false;
    {
      const std::lock_guard lock(mutex_);
      stopping = stopping_ || !refusal_.empty();
      reset = std::exchange(reset_wanted_, false);
    }
    if (reset || (link_ && link_->silent(now) && now >= reset_due_)) {
      wire_->reset();
      reset_due_ = after(now, options_.timing.silence_s);
      hello_due_ = now;
    }
    if (stopping && !last_words) {
      last_words = after(now, kLastWordsSeconds);
      if (link_) push(WorkerSays::kGoodbye, {});
    }
    speak(now);
    if (last_words && (!link_ || link_->all_received() || now >= *last_words)) return;
    LinkTime due = next_due(now);
    if (last_words) due = std::min(due, *last_words);
    wire_->rest(Deadline::at(due));
    now = look_at_clock();
    for (int i = 0; i < kArrivalsAtATime; ++i) {
      const std::optional<WireArrival> arrival = wire_->receive();
      if (!arrival) break;
      handle(*arrival, now);
    }
  }
}

// Now. Where this process did not run for a while, the learner's silence meanwhile does not count.
LinkTime RemoteWorker::State::look_at_clock() {
  const LinkTime now = LinkClock::now();
  const std::lock_guard lock(mutex_);
  const LinkClock::duration unheard = now - clock_seen_;
  if (seconds(unheard) > options_.timing.heartbeat_s + kUnheardSeconds) {
    heard_ += unheard;
    reset_due_ += unheard;
    if (link_) link_->excuse(unheard);
    if (seconds(unheard) > options_.timing.silence_s) log::info(stopped_text(seconds(unheard)));
  }
  clock_seen_ = now;
  return now;
}

LinkTime RemoteWorker::State::next_due(LinkTime now) const {
  if (!link_) return std::max(now, hello_due_);
  return std::max(now, std::min(link_->next_due(), std::max(link_->silent_at(), reset_due_)));
}

// ---- greeting

void RemoteWorker::State::say_hello(LinkTime now) {
  wire_->send("", write_packet({PacketKind::kHello, greeting_, 0, 0, write_hello(hello_)}, {}));
  hello_due_ = after(now, hello_every_s_);
  hello_every_s_ = std::min(2 * hello_every_s_, kLongestHelloSeconds);
}

void RemoteWorker::State::garbage() {
  const std::lock_guard lock(mutex_);
  ++counts_.garbage;
  if (was_greeted_ && !std::exchange(garbage_logged_, true))  // before, it is why none answers
    log::warn(wire_->name() +
              ": bytes came that are no message of the learner, or damaged; they "
              "are dropped");
}

void RemoteWorker::State::handle(const WireArrival& arrival, LinkTime now) {
  const auto packet = read_packet(arrival.head.bytes, arrival.body.bytes);
  if (!packet) return garbage();
  if (packet->session != greeting_) return;  // of a session that is over
  switch (packet->kind) {
    case PacketKind::kWelcome:
      return on_welcome(*packet, now);
    case PacketKind::kRefused: {
      const auto text = read_refusal(packet->content);
      if (!text || link_) return garbage();
      const std::lock_guard lock(mutex_);
      refusal_ = text->empty() ? "without a reason" : *text;
      ++counts_.refused;
      changed_.notify_all();
      return;
    }
    case PacketKind::kUnknown:
      if (link_) start_over();
      return;
    case PacketKind::kStream: {
      if (!link_) return;  // its welcome is still on the way
      {
        const std::lock_guard lock(mutex_);
        heard_ = now;
      }
      const bool good = link_->receive(
          *packet, arrival, now,
          [this](uint8_t kind, const SharedBytes& body) { return deliver(kind, body); });
      if (good) return;
      garbage();
      return start_over();
    }
    case PacketKind::kHello:
      return garbage();
  }
}

void RemoteWorker::State::on_welcome(const Packet& packet, LinkTime now) {
  const auto welcome = read_welcome(packet.content);
  if (!welcome) return garbage();
  if (link_) return;  // a copy
  const LinkTiming timing{wire_->resend_after_s(), options_.timing.heartbeat_s,
                          options_.timing.silence_s};
  link_.emplace(greeting_, timing, now);
  reset_due_ = after(now, options_.timing.silence_s);
  assignments_received_ = 0;
  limit_told_ = 0;
  closed_told_ = false;
  if (fetch_) fetch_->asked = false;
  {
    const std::lock_guard lock(mutex_);
    greeted_ = was_greeted_ = true;
    learner_ = welcome->instance;
    credits_ = welcome->credits;
    heard_ = now;
    ++counts_.greeted;
    // Whatever waits here from an earlier session is assigned again.
    assignments_.clear();
    tasks_closed_ = false;
    changed_.notify_all();
  }
  send_all_again();
}

// The learner knows this session no more: greet it anew.
void RemoteWorker::State::start_over() {
  resent_before_ += link_->resent();
  link_.reset();
  greeting_ = random_name();
  hello_due_ = {};
  hello_every_s_ = kFirstHelloSeconds;
  const std::lock_guard lock(mutex_);
  greeted_ = false;
  ++counts_.lost;
}

// ---- messages

void RemoteWorker::State::push(WorkerSays kind, std::vector<uint8_t> bytes) {
  link_->push(static_cast<uint8_t>(kind), SharedBytes::of(std::move(bytes)));
}

void RemoteWorker::State::send_all_again() {
  const std::lock_guard lock(mutex_);
  outbox_.clear();
  for (const auto& [id, bytes] : unacknowledged_)
    link_->push(static_cast<uint8_t>(WorkerSays::kSample), bytes);
}

bool RemoteWorker::State::deliver(uint8_t kind, const SharedBytes& body) {
  switch (static_cast<LearnerSays>(kind)) {
    case LearnerSays::kAcknowledged:
      return on_acknowledged(body.bytes);
    case LearnerSays::kAssignment:
      return on_assignment(body.bytes);
    case LearnerSays::kTaskState: {
      const auto state = read_number<uint8_t>(body.bytes);
      if (!state || *state > 1) return false;
      const std::lock_guard lock(mutex_);
      tasks_closed_ = *state == 1;
      changed_.notify_all();
      return true;
    }
    case LearnerSays::kClosed: {
      const std::lock_guard lock(mutex_);
      receiver_closed_ = true;
      changed_.notify_all();
      return true;
    }
    case LearnerSays::kSendAgain:
      send_all_again();
      return true;
    case LearnerSays::kVersionTable:
      return on_table(body.bytes);
    case LearnerSays::kVersionGone:
      return on_gone(body.bytes);
    case LearnerSays::kChunkRange: {
      const auto range = read_range(body.bytes);
      if (range && fetch_) fetch_->next = *range;
      return range.has_value();
    }
    case LearnerSays::kChunk:
      return on_chunk(body.bytes);
  }
  return false;
}

bool RemoteWorker::State::on_acknowledged(std::span<const uint8_t> bytes) {
  const auto ids = read_ids(bytes);
  if (!ids) return false;
  const std::lock_guard lock(mutex_);
  for (const SampleId& id : *ids) unacknowledged_.erase(id);
  changed_.notify_all();
  return true;
}

bool RemoteWorker::State::on_assignment(std::span<const uint8_t> bytes) {
  std::optional<Assignment> assignment = decode_assignment(bytes, nullptr);
  if (!assignment) return false;
  ++assignments_received_;
  const std::lock_guard lock(mutex_);
  assignments_.push_back(std::move(*assignment));
  changed_.notify_all();
  return true;
}

void RemoteWorker::State::speak(LinkTime now) {
  if (!link_) {
    if (now >= hello_due_) say_hello(now);
    return;
  }
  fetch();
  {
    std::unique_lock lock(mutex_);
    std::vector<SharedBytes> samples;
    samples.swap(outbox_);
    const uint64_t waiting = std::max(tasks_wanted_, assignments_.size()) - assignments_.size();
    const bool closed = sender_closed_;
    counts_.resent = resent_before_ + link_->resent();
    lock.unlock();
    for (SharedBytes& sample : samples)
      link_->push(static_cast<uint8_t>(WorkerSays::kSample), std::move(sample));
    const uint64_t limit = assignments_received_ + waiting;
    if (limit != std::exchange(limit_told_, limit))
      push(WorkerSays::kTaskLimit, write_number<uint64_t>(limit));
    if (closed && !std::exchange(closed_told_, true)) push(WorkerSays::kClosed, {});
  }
  link_->flush(now, [this](const WireMessage& message) { wire_->send("", message); });
}

// ---- versions

// Begins, goes on with, or gives up the fetch of the Version that is wanted.
void RemoteWorker::State::fetch() {
  std::optional<uint32_t> wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted = version_wanted_;
  }
  if (!wanted) return fetch_.reset();
  if (!fetch_ || fetch_->number != *wanted) {
    fetch_ = Fetch();
    fetch_->number = *wanted;
  }
  if (!std::exchange(fetch_->asked, true)) {
    fetch_->next.reset();
    fetch_->requested = fetch_->assembly ? fetch_->assembly->received() : 0;
    push(WorkerSays::kVersionWanted, write_number<uint32_t>(*wanted));
  }
}

bool RemoteWorker::State::on_table(std::span<const uint8_t> bytes) {
  std::optional<Version> version = decode_version(bytes, nullptr);
  if (!version) return false;
  if (!fetch_ || version->number != fetch_->number) return true;  // wanted no more
  {
    std::unique_lock lock(mutex_);
    auto last = version_;
    lock.unlock();
    if (last && last->version == *version) {
      end_fetch(std::move(last), "");
      return true;
    }
  }
  if (!fetch_->assembly || fetch_->assembly->version() != *version) {
    std::string problem;
    fetch_->assembly = VersionAssembly::of(*version, options_.max_version_bytes, &problem,
                                           std::exchange(spare_, nullptr));
    fetch_->requested = 0;
    if (!fetch_->assembly) {
      end_fetch(nullptr, problem);
      return true;
    }
  }
  fetch_->requested = fetch_->assembly->received();
  return on_chunk({});
}

bool RemoteWorker::State::on_gone(std::span<const uint8_t> bytes) {
  const auto range = read_range(bytes);
  if (!range) return false;
  if (fetch_ && fetch_->number == range->number)
    end_fetch(nullptr,
              "Version " + std::to_string(range->number) + " is gone: the learner keeps Version " +
                  std::to_string(range->offset) + " and later ones",
              true);
  return true;
}

// Bytes that belong where the message before said; then the window of requests moves on. Bytes of a
// fetch that was given up are passed over.
bool RemoteWorker::State::on_chunk(std::span<const uint8_t> bytes) {
  if (!fetch_ || !fetch_->assembly) return true;
  VersionAssembly& assembly = *fetch_->assembly;
  if (!bytes.empty()) {
    const auto where = std::exchange(fetch_->next, std::nullopt);
    if (!where || where->number != fetch_->number || where->offset != assembly.received())
      return true;
    if (where->length != bytes.size() || bytes.size() > assembly.total() - assembly.received())
      return false;
    assembly.append(bytes);
  }
  while (fetch_->requested < assembly.total() &&
         fetch_->requested < assembly.received() + kVersionWindow * kVersionChunkBytes) {
    const uint64_t length = std::min(kVersionChunkBytes, assembly.total() - fetch_->requested);
    push(WorkerSays::kChunkWanted, write_range({fetch_->number, fetch_->requested, length}));
    fetch_->requested += length;
  }
  if (assembly.received() < assembly.total()) return true;
  if (auto whole = assembly.finish()) {
    end_fetch(std::move(whole), "");
    return true;
  }
  log::warn(wire_->name() + ": the bytes of Version " + std::to_string(fetch_->number) +
            " do not have the digest that the learner names; they are fetched again");
  fetch_.reset();
  return true;
}

void RemoteWorker::State::end_fetch(std::shared_ptr<const VersionBytes> version,
                                    const std::string& problem, bool over) {
  fetch_.reset();
  const std::lock_guard lock(mutex_);
  version_wanted_.reset();
  version_problem_ = problem;
  version_over_ = over;
  if (version) {
    if (version_ != version) spare_ = std::move(version_);
    version_ = std::move(version);
    version_learner_ = learner_;
  }
  changed_.notify_all();
}

}  // namespace retort
