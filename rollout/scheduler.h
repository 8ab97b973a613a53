#pragma once
// Scheduler: which tokens enter the next forward, and which pages they use.
//
// Continuous batching: sequences wait in order of arrival; a finished sequence's place is taken by
// the next waiting one. A sequence enters with all tokens that are not computed yet (its prompt, or
// one decoded token, or, after a preemption, everything), cut to the token budget (chunked
// prefill). Pages are taken as positions need them; a shared page that would be written to is
// copied first. When none is free, the running sequence that came last gives its pages back and
// waits at the front; it is computed again later, with the same bits. Threads: the engine's only.
#include "rollout/block_pool.h"
#include "rollout/sequence.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace retort {

struct SchedulerLimits {
  int64_t max_sequences = 256;      // running at a time
  int64_t max_batch_tokens = 8192;  // tokens of one forward
  int64_t pages = 0;
};

// One forward: for each run, the sequence and how many of its pending tokens take part.
struct ScheduledRun {
  Sequence* sequence;
  int64_t tokens;
};
struct ScheduledForward {
  std::vector<ScheduledRun> runs;
  std::vector<std::pair<int32_t, int32_t>> page_copies;  // to be done before the forward
};

class Scheduler {
 public:
  explicit Scheduler(const SchedulerLimits& limits);

  // UserError when one sequence of `max_length` tokens cannot fit into the whole cache.
  void check_fits(int64_t max_length) const;

  void add(std::unique_ptr<Sequence> sequence);  // to the end of the waiting line
  void add_front(
      std::unique_ptr<Sequence> sequence);  // forked siblings: before those that arrived later
  ScheduledForward next();
  std::unique_ptr<Sequence> finish(Sequence* sequence);  // gives its pages back
  // A new waiting sequence that shares `parent`'s pages for its first `computed` tokens.
  std::unique_ptr<Sequence> fork(const Sequence& parent);
  // Gives the pages of a sequence back that is neither waiting nor running (a fork that ended with
  // its first token).
  void discard(Sequence& sequence) { give_back(sequence); }

  bool idle() const { return waiting_.empty() && running_.empty(); }
  int64_t running() const { return static_cast<int64_t>(running_.size()); }
  int64_t preemptions() const { return preemptions_; }
  const BlockPool& pool() const { return pool_; }

 private:
  // Pages for `tokens` more tokens of `sequence`; false, with nothing taken, when there are too
  // few.
  bool reserve(Sequence& sequence, int64_t tokens, ScheduledForward& schedule);
  void give_back(Sequence& sequence);
  bool preempt_after(size_t position, ScheduledForward& schedule);

  SchedulerLimits limits_;
  BlockPool pool_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in order of admission
  int64_t preemptions_ = 0;
};

}  // namespace retort
