#include "base/channel/remote_learner.h"
#include "base/record/codec.h"

#include <algorithm>
#include <utility>

// What a learner gives its workers: assignments and Versions. The thread of its wire.
namespace retort {

// ---- assignments

void RemoteLearner::State::mark_here(const SampleId& id) {
  if (id.branch != 0) return;
  const auto [first, last] = assigned_.equal_range({id.step, id.task});
  for (auto row = first; row != last;) {
    Assigned& assigned = row->second;
    const uint64_t slot = uint64_t{id.slot} - assigned.assignment.first_slot;
    if (slot < assigned.here.size() && !assigned.here[slot]) {
      assigned.here[slot] = true;
      --assigned.missing;
    }
    row = assigned.missing == 0 ? assigned_.erase(row) : std::next(row);
  }
}

// What the session was sent and is not here waits again, before everything else.
void RemoteLearner::State::assign_again(uint64_t session) {
  std::deque<Assignment> again;
  for (auto row = assigned_.begin(); row != assigned_.end();) {
    if (row->second.session != session) {
      ++row;
      continue;
    }
    const Assigned& assigned = row->second;
    for (size_t slot = 0; slot < assigned.here.size();) {
      size_t end = slot;
      while (end < assigned.here.size() && assigned.here[end] == assigned.here[slot]) ++end;
      if (!assigned.here[slot]) {
        again.push_back(assigned.assignment);
        again.back().first_slot += static_cast<uint32_t>(slot);
        again.back().slots = static_cast<uint32_t>(end - slot);
      }
      slot = end;
    }
    row = assigned_.erase(row);
  }
  if (again.empty()) return;
  const std::lock_guard lock(mutex_);
  counts_.reassigned += again.size();
  assignments_.insert(assignments_.begin(), again.begin(), again.end());
}

void RemoteLearner::State::dispatch() {
  const std::lock_guard lock(mutex_);
  bool served = true;
  while (!assignments_.empty() && served) {
    served = false;
    // In turns, from the one behind who was served last.
    auto next = sessions_.upper_bound(last_served_);
    for (size_t i = 0; i < sessions_.size() && !served; ++i, ++next) {
      if (next == sessions_.end()) next = sessions_.begin();
      Session& session = next->second;
      if (session.gone || session.sender_closed || session.assigned >= session.limit) continue;
      Assignment assignment = std::move(assignments_.front());
      assignments_.pop_front();
      session.link.push(static_cast<uint8_t>(LearnerSays::kAssignment),
                        SharedBytes::of(encode(assignment)));
      ++session.assigned;
      last_served_ = next->first;
      const std::pair key(assignment.step, assignment.task_index);
      const size_t slots = assignment.slots;
      if (slots > 0)
        assigned_.emplace(key, Assigned{next->first, std::move(assignment),
                                        std::vector<bool>(slots, false), slots});
      samples_over_ = false;
      served = true;
      changed_.notify_all();
    }
  }
}

// ---- versions

void RemoteLearner::State::send_table(Session& session, uint32_t number) {
  session.version_wanted.reset();
  for (const Held& held : versions_)
    if (held.version->version.number == number)
      return session.link.push(static_cast<uint8_t>(LearnerSays::kVersionTable),
                               SharedBytes::of(encode(held.version->version)));
  if (!versions_.empty() && number < versions_.front().version->version.number)
    return session.link.push(
        static_cast<uint8_t>(LearnerSays::kVersionGone),
        SharedBytes::of(write_range({number, versions_.front().version->version.number, 0})));
  session.version_wanted = number;
}

bool RemoteLearner::State::send_chunk(Session& session, const ChunkRange& range) {
  const auto held = std::find_if(versions_.begin(), versions_.end(), [&](const Held& row) {
    return row.version->version.number == range.number;
  });
  if (held == versions_.end()) {
    send_table(session, range.number);
    return true;
  }
  const uint64_t total = held->starts.back();
  if (range.length > kVersionChunkBytes || range.offset > total ||
      range.length > total - range.offset)
    return false;
  uint64_t from = range.offset;
  const uint64_t end = range.offset + range.length;
  auto start = std::upper_bound(held->starts.begin(), held->starts.end(), from) - 1;
  for (; from < end; ++start) {
    const auto tensor = static_cast<size_t>(start - held->starts.begin());
    const uint64_t count = std::min(end, *(start + 1)) - from;
    if (count == 0) continue;
    session.link.push(static_cast<uint8_t>(LearnerSays::kChunkRange),
                      SharedBytes::of(write_range({range.number, from, count})));
    session.link.push(
        static_cast<uint8_t>(LearnerSays::kChunk),
        {held->version, held->version->tensors[tensor].subspan(from - *start, count)});
    from += count;
  }
  return true;
}

}  // namespace retort
