#include "base/channel/remote_learner.h"
#include "base/log.h"
#include "base/record/codec.h"
#include "base/wait.h"

#include <algorithm>
#include <utility>

// The thread of a learner's wire. It alone touches sessions, entries and links; what it shares with
// the ends goes through share() and dispatch().
namespace retort {
namespace {

constexpr int kArrivalsAtATime = 32;       // then the ends and the other peers have their turn
constexpr double kLastWordsSeconds = 1;    // for workers to hear that the run is over
constexpr double kLastAcksSeconds = 0.25;  // for workers to hear the last acknowledgements
constexpr double kLookSeconds = 0.1;       // between two looks at what the workers do
constexpr size_t kMostLogged = 100;        // lines about strangers
// For a worker whose connection was closed to come by another one: it tries every second.
constexpr double kReturnSeconds = 3;

}  // namespace

void RemoteLearner::State::run() {
  std::optional<LinkTime> last_words;
  while (true) {
    std::vector<Command> commands;
    bool stopping = false, closed = false;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(commands_);
      stopping = stopping_;
      closed = receiver_closed_;
    }
    for (const Command& wanted : commands) obey(wanted);
    LinkTime now = look_at_clock();
    dispatch();
    speak(now);
    share(now);
    if (stopping) {
      if (!last_words) last_words = after(now, closed ? kLastWordsSeconds : kLastAcksSeconds);
      const bool all_heard = std::all_of(sessions_.begin(), sessions_.end(), [](const auto& row) {
        return row.second.link.all_received();
      });
      if (all_heard || now >= *last_words) return;
    }
    LinkTime due = next_due();
    if (last_words) due = std::min(due, *last_words);
    wire_->rest(Deadline::at(due));
    now = look_at_clock();
    for (int i = 0; i < kArrivalsAtATime; ++i) {
      const std::optional<WireArrival> arrival = wire_->receive();
      if (!arrival) break;
      handle(*arrival, now);
    }
    look_for_departed(now);
  }
}

// Now. Where this process did not run for a while (stopped, its machine suspended or overloaded),
// what workers said meanwhile is still to be read: their silence is not held against them.
LinkTime RemoteLearner::State::look_at_clock() {
  const LinkTime now = LinkClock::now();
  const double unheard = seconds(now - clock_seen_);
  if (unheard > options_.timing.heartbeat_s + kUnheardSeconds) {
    for (auto& [name, session] : sessions_) {
      session.link.excuse(now - clock_seen_);
      session.departed_at += now - clock_seen_;
    }
    if (unheard > options_.timing.silence_s)
      log::info(stopped_text(unheard) + ": what its workers said meanwhile is read now");
  }
  clock_seen_ = now;
  return now;
}

LinkTime RemoteLearner::State::next_due() const {
  const LinkTime now = LinkClock::now();
  LinkTime due = after(now, options_.timing.heartbeat_s);
  for (const auto& [name, session] : sessions_)
    due = std::min({due, session.link.next_due(), session.link.silent_at()});
  return std::max(due, now);
}

void RemoteLearner::State::obey(const Command& wanted) {
  switch (wanted.kind) {
    case Command::Kind::kAck: {
      const auto entry = entries_.find(wanted.id);
      if (entry != entries_.end()) release(entry->first, entry->second);
      return;
    }
    case Command::Kind::kSettle: {
      const auto step = static_cast<uint32_t>(wanted.number);
      // Ordered by step first.
      for (auto entry = entries_.begin(); entry != entries_.end() && entry->first.step <= step;) {
        release(entry->first, entry->second);
        entry = entries_.erase(entry);
      }
      std::erase_if(assigned_, [step](const auto& row) { return row.first.first <= step; });
      return;
    }
    case Command::Kind::kGiveUp: {
      const auto [step, task] = std::pair(wanted.id.step, wanted.id.task);
      for (auto entry = entries_.lower_bound({step, task, 0, 0});
           entry != entries_.end() && entry->first.step == step && entry->first.task == task;
           ++entry)
        release(entry->first, entry->second);
      assigned_.erase({step, task});
      const std::lock_guard lock(mutex_);
      std::erase_if(assignments_, [&, step = step, task = task](const Assignment& assignment) {
        return assignment.step == step && assignment.task_index == task;
      });
      return;
    }
    case Command::Kind::kNewReceiver: {
      if (wanted.number > 1) {
        arrived_.clear();
        std::erase_if(entries_, [](const auto& row) { return !row.second.acknowledged; });
        unacknowledged_ = 0;
        for (auto& [name, session] : sessions_) {
          session.held = 0;
          session.link.push(static_cast<uint8_t>(LearnerSays::kSendAgain), {});
        }
      }
      const std::lock_guard lock(mutex_);
      if (wanted.number > 1) ready_.clear();
      generation_ready_ = wanted.number;
      samples_over_ = false;
      return;
    }
    case Command::Kind::kPublish: {
      std::vector<uint64_t> starts = {0};
      for (const auto& bytes : wanted.version->tensors)
        starts.push_back(starts.back() + bytes.size());
      versions_.push_back({wanted.version, std::move(starts)});
      if (versions_.size() > 2) versions_.pop_front();
      for (auto& [name, session] : sessions_)
        if (session.version_wanted) send_table(session, *session.version_wanted);
      return;
    }
    case Command::Kind::kLose: {
      std::vector<uint64_t> names;
      for (const auto& [name, session] : sessions_)
        if (session.worker == wanted.worker) names.push_back(name);
      for (const uint64_t name : names) lose_session(name, "its process is gone", true);
      return;
    }
  }
}

// ---- sessions

void RemoteLearner::State::garbage(const std::string& from) {
  {
    const std::lock_guard lock(mutex_);
    ++counts_.garbage;
  }
  if (logged_.size() < kMostLogged && logged_.insert(from).second)
    log::warn(wire_->name() + ": " + one_line(from) +
              " sent bytes that are no message of a worker, or damaged; they are dropped");
}

void RemoteLearner::State::handle(const WireArrival& arrival, LinkTime now) {
  const auto packet = read_packet(arrival.head.bytes, arrival.body.bytes);
  if (!packet) return garbage(arrival.from);
  if (packet->kind == PacketKind::kHello) return greet(arrival, *packet, now);
  if (packet->kind != PacketKind::kStream) return garbage(arrival.from);
  const auto found = sessions_.find(packet->session);
  if (found == sessions_.end())
    return send_packet(arrival.peer, PacketKind::kUnknown, packet->session, {});
  Session& session = found->second;
  session.peer = arrival.peer;
  session.from = arrival.from;
  // What it said before its connection was closed may be read behind that.
  if (arrival.peer != session.departed) session.departed.clear();
  const bool good = session.link.receive(
      *packet, arrival, now,
      [&](uint8_t kind, const SharedBytes& body) { return deliver(session, kind, body); });
  if (good) return;
  garbage(arrival.from);
  send_packet(arrival.peer, PacketKind::kUnknown, packet->session, {});
  lose_session(packet->session, "what it says is none of the protocol");
}

void RemoteLearner::State::greet(const WireArrival& arrival, const Packet& packet, LinkTime now) {
  const auto hello = read_hello(packet.content);
  if (!hello || packet.session == 0) return garbage(arrival.from);
  const std::string differs = difference(*hello, own_);
  if (!differs.empty()) {
    // In what it differs, without the values: those are the stranger's to choose.
    const std::string kind = arrival.from + " " + differs.substr(0, differs.find(':'));
    if (logged_.size() < kMostLogged && logged_.insert(kind).second)
      log::warn(wire_->name() + ": refused " + one_line(hello->name) + " from " +
                one_line(arrival.from) + ": " + differs);
    {
      const std::lock_guard lock(mutex_);
      ++counts_.refused;
    }
    return send_packet(arrival.peer, PacketKind::kRefused, packet.session, write_refusal(differs));
  }
  auto found = sessions_.find(packet.session);
  if (found == sessions_.end()) {
    // What an earlier session of this process still waits for comes in this one.
    std::vector<uint64_t> earlier;
    for (const auto& [name, session] : sessions_)
      if (session.instance == hello->instance) earlier.push_back(name);
    for (const uint64_t name : earlier) lose_session(name, "it greets anew");
    const LinkTiming timing{wire_->resend_after_s(), options_.timing.heartbeat_s,
                            options_.timing.silence_s};
    found = sessions_.try_emplace(packet.session, packet.session, timing, now).first;
    found->second.worker = hello->name;
    found->second.instance = hello->instance;
    missing_.erase(hello->instance);
    log::detail(wire_->name() + ": " + one_line(hello->name) + " from " + one_line(arrival.from) +
                " is here");
    const std::lock_guard lock(mutex_);
    ++counts_.greeted;
    samples_over_ = false;
  }
  found->second.peer = arrival.peer;
  found->second.from = arrival.from;
  found->second.departed.clear();
  send_packet(arrival.peer, PacketKind::kWelcome, packet.session,
              write_welcome({instance_, options_.credits}));
}

void RemoteLearner::State::send_packet(const std::string& peer, PacketKind kind, uint64_t session,
                                       std::vector<uint8_t> content) {
  wire_->send(peer, write_packet({kind, session, 0, 0, content}, {}));
}

void RemoteLearner::State::lose_session(uint64_t name, const std::string& why, bool process_ended) {
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return;
  const Session& session = found->second;
  if (!session.gone) {
    log::detail(wire_->name() + ": " + one_line(session.worker) + " from " +
                one_line(session.from) + " is lost: " + why);
    const std::lock_guard lock(mutex_);
    ++counts_.lost;
  }
  resent_before_ += session.link.resent();
  if (!session.gone && !session.sender_closed && !process_ended) missing_.insert(session.instance);
  sessions_.erase(found);
  assign_again(name);
}

// ---- messages

bool RemoteLearner::State::deliver(Session& session, uint8_t kind, const SharedBytes& body) {
  switch (static_cast<WorkerSays>(kind)) {
    case WorkerSays::kSample:
      return on_sample(session, body);
    case WorkerSays::kTaskLimit: {
      const auto limit = read_number<uint64_t>(body.bytes);
      if (limit) session.limit = *limit;
      return limit.has_value();
    }
    case WorkerSays::kClosed:
      session.sender_closed = true;
      assign_again(session.link.session());
      return true;
    case WorkerSays::kGoodbye:
      session.gone = true;
      return true;
    case WorkerSays::kVersionWanted: {
      const auto number = read_number<uint32_t>(body.bytes);
      if (number) send_table(session, *number);
      return number.has_value();
    }
    case WorkerSays::kChunkWanted: {
      const auto range = read_range(body.bytes);
      return range && send_chunk(session, *range);
    }
  }
  return false;
}

bool RemoteLearner::State::on_sample(Session& session, const SharedBytes& body) {
  std::optional<Sample> sample = decode_sample(body.bytes, nullptr);
  if (!sample) return false;
  const SampleId id = sample->id;
  ++session.samples;
  mark_here(id);
  const uint64_t name = session.link.session();
  const bool over = [&] {
    const std::lock_guard lock(mutex_);
    return unwanted(id);
  }();
  const auto [entry, fresh] = over ? std::pair(entries_.end(), false) : entries_.try_emplace(id);
  if (fresh) {
    entry->second.holders = {name};
    ++session.held;
    ++unacknowledged_;
    arrived_.push_back(std::move(*sample));
    return true;
  }
  if (over || entry->second.acknowledged) {
    session.acknowledged.push_back(id);
  } else {
    auto& holders = entry->second.holders;
    if (std::find(holders.begin(), holders.end(), name) == holders.end()) {
      holders.push_back(name);
      ++session.held;
    }
  }
  const std::lock_guard lock(mutex_);
  ++counts_.copies;
  return true;
}

// The sample is durable: whoever holds it may forget it.
void RemoteLearner::State::release(const SampleId& id, Entry& entry) {
  if (std::exchange(entry.acknowledged, true)) return;
  --unacknowledged_;
  for (const uint64_t holder : entry.holders) {
    const auto session = sessions_.find(holder);
    if (session == sessions_.end()) continue;
    session->second.acknowledged.push_back(id);
    --session->second.held;
  }
  entry.holders.clear();
}

// ---- turns

// Whose connection was closed: it has kReturnSeconds to come by another one.
void RemoteLearner::State::look_for_departed(LinkTime now) {
  for (const std::string& peer : wire_->departed())
    for (auto& [name, session] : sessions_)
      if (session.peer == peer) {
        session.departed = peer;
        session.departed_at = now;
      }
}

// Everything that the sessions are to hear, and who is heard no more.
void RemoteLearner::State::speak(LinkTime now) {
  bool closed = false, nothing_waits = false;
  {
    const std::lock_guard lock(mutex_);
    closed = receiver_closed_;
    nothing_waits = tasks_closed_ && assignments_.empty();
  }
  std::vector<std::pair<uint64_t, std::string>> over;  // and why
  for (auto& [name, session] : sessions_) {
    Link& link = session.link;
    if (!session.acknowledged.empty()) {
      link.push(static_cast<uint8_t>(LearnerSays::kAcknowledged),
                SharedBytes::of(write_ids(session.acknowledged)));
      session.acknowledged.clear();
    }
    if (closed && !std::exchange(session.told_closed, true))
      link.push(static_cast<uint8_t>(LearnerSays::kClosed), {});
    if (session.told_task_state != nothing_waits) {
      session.told_task_state = nothing_waits;
      link.push(static_cast<uint8_t>(LearnerSays::kTaskState),
                SharedBytes::of(write_number<uint8_t>(nothing_waits ? 1 : 0)));
    }
    link.flush(
        now, [&, &peer = session.peer](const WireMessage& message) { wire_->send(peer, message); });
    if (session.gone || link.silent(now))
      over.emplace_back(name, "nothing was heard of it for " +
                                  std::to_string(static_cast<int>(options_.timing.silence_s)) +
                                  " s");
    else if (!session.departed.empty() && seconds(now - session.departed_at) >= kReturnSeconds)
      over.emplace_back(name, "its connection is closed");
  }
  for (const auto& [name, why] : over) lose_session(name, why);
}

std::vector<WorkerRow> RemoteLearner::State::look_at_workers(LinkTime now) {
  look_again_ = after(now, kLookSeconds);
  sessions_seen_ = sessions_.size();
  std::map<uint64_t, size_t> assigned;
  for (const auto& row : assigned_) ++assigned[row.second.session];
  std::vector<WorkerRow> rows;
  for (const auto& [name, session] : sessions_)
    rows.push_back({session.worker, session.from, session.link.silent_s(now), assigned[name],
                    session.held, session.samples});
  std::sort(rows.begin(), rows.end(),
            [](const WorkerRow& a, const WorkerRow& b) { return a.name < b.name; });
  return rows;
}

// What the ends look at.
void RemoteLearner::State::share(LinkTime now) {
  uint64_t resent = resent_before_;
  for (const auto& [name, session] : sessions_) resent += session.link.resent();
  std::vector<WorkerRow> rows;
  const bool look = now >= look_again_ || sessions_.size() != sessions_seen_;
  if (look) rows = look_at_workers(now);
  const bool all_closed = std::all_of(sessions_.begin(), sessions_.end(),
                                      [](const auto& row) { return row.second.sender_closed; });
  const std::lock_guard lock(mutex_);
  const bool news = !arrived_.empty();
  for (Sample& sample : arrived_)
    if (!unwanted(sample.id)) ready_.push_back(std::move(sample));
  arrived_.clear();
  if (look) workers_ = std::move(rows);
  counts_.resent = resent;
  const bool over = counts_.greeted > 0 && all_closed && missing_.empty() && unacknowledged_ == 0 &&
                    assigned_.empty();
  if (news || over != samples_over_) changed_.notify_all();
  samples_over_ = over;
}

}  // namespace retort
