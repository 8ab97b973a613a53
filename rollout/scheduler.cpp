#include "rollout/scheduler.h"

#include "base/check.h"
#include "base/error.h"
#include "kernels/attention/attention.h"

#include <algorithm>

namespace retort {
namespace {

int64_t pages_for(int64_t tokens) {
  return (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
}

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits), pool_(limits.pages) {}

void Scheduler::check_fits(int64_t max_length) const {
  // One page more than the tokens need: a shared page may have to be copied.
  if (pages_for(max_length) + 1 > limits_.pages)
    throw UserError("[rollout.cache_bytes]",
                    "a sequence of " + std::to_string(max_length) + " tokens needs " +
                        std::to_string(pages_for(max_length) + 1) + " pages, the cache has " +
                        std::to_string(limits_.pages),
                    "set it higher, or lower rollout.max_new_tokens");
}

void Scheduler::add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }
void Scheduler::add_front(std::unique_ptr<Sequence> sequence) {
  waiting_.push_front(std::move(sequence));
}

bool Scheduler::reserve(Sequence& sequence, int64_t tokens, ScheduledForward& schedule) {
  const int64_t last_page = static_cast<int64_t>(sequence.pages.size()) - 1;
  // The page of the first new token holds computed ones too, and may be shared.
  const bool partial = sequence.computed % kernels::kPageTokens != 0;
  const bool copy = partial && pool_.readers(sequence.pages[last_page]) > 1;
  const int64_t fresh =
      pages_for(sequence.computed + tokens) - static_cast<int64_t>(sequence.pages.size());
  if (fresh + (copy ? 1 : 0) > pool_.free_pages()) return false;
  if (copy) {
    const int32_t page = *pool_.take();
    schedule.page_copies.emplace_back(sequence.pages[last_page], page);
    pool_.release(sequence.pages[last_page]);
    sequence.pages[last_page] = page;
  }
  for (int64_t i = 0; i < fresh; ++i) sequence.pages.push_back(*pool_.take());
  return true;
}

void Scheduler::give_back(Sequence& sequence) {
  for (const int32_t page : sequence.pages) pool_.release(page);
  sequence.pages.clear();
  sequence.computed = 0;
}

bool Scheduler::preempt_after(size_t position, ScheduledForward& schedule) {
  if (position + 1 >= running_.size()) return false;
  std::unique_ptr<Sequence> victim = std::move(running_.back());
  running_.pop_back();
  const Sequence* raw = victim.get();
  for (const ScheduledRun& run : schedule.runs)
    RT_CHECK(run.sequence != raw) << "a scheduled sequence may not be preempted";
  give_back(*victim);
  waiting_.push_front(std::move(victim));
  ++preemptions_;
  return true;
}

ScheduledForward Scheduler::next() {
  ScheduledForward schedule;
  int64_t budget = limits_.max_batch_tokens;
  for (size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Sequence& sequence = *running_[i];
    const int64_t tokens = std::min(sequence.pending(), budget);
    bool reserved = reserve(sequence, tokens, schedule);
    while (!reserved && preempt_after(i, schedule)) reserved = reserve(sequence, tokens, schedule);
    if (!reserved) {
      // The last running sequence itself finds no page: it waits until earlier ones finish. Waiting
      // forks hold shared prompt pages; they give them back too, so that somebody can always go on.
      for (auto& waiting : waiting_)
        if (!waiting->pages.empty()) give_back(*waiting);
      if (!reserve(sequence, tokens, schedule)) {
        RT_CHECK_GT(i, size_t{0}) << "one sequence does not fit into the cache";
        std::unique_ptr<Sequence> self = std::move(running_[i]);
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
        give_back(*self);
        waiting_.push_front(std::move(self));
        ++preemptions_;
        break;
      }
    }
    schedule.runs.push_back({&sequence, tokens});
    budget -= tokens;
  }
  while (!waiting_.empty() && budget > 0 && running() < limits_.max_sequences) {
    Sequence& sequence = *waiting_.front();
    const int64_t tokens = std::min(sequence.pending(), budget);
    if (!reserve(sequence, tokens, schedule)) {
      if (!running_.empty()) break;
      for (auto& waiting : waiting_)
        if (waiting.get() != &sequence && !waiting->pages.empty()) give_back(*waiting);
      RT_CHECK(reserve(sequence, tokens, schedule)) << "one sequence does not fit into the cache";
    }
    schedule.runs.push_back({&sequence, tokens});
    budget -= tokens;
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return schedule;
}

std::unique_ptr<Sequence> Scheduler::finish(Sequence* sequence) {
  const auto place = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& running) { return running.get() == sequence; });
  RT_CHECK(place != running_.end());
  std::unique_ptr<Sequence> finished = std::move(*place);
  running_.erase(place);
  give_back(*finished);
  return finished;
}

std::unique_ptr<Sequence> Scheduler::fork(const Sequence& parent) {
  auto child = std::make_unique<Sequence>();
  child->sample = parent.sample;
  child->computed = parent.computed;
  child->pages = parent.pages;
  for (const int32_t page : child->pages) pool_.share(page);
  return child;
}

}  // namespace retort
