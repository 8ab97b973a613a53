#pragma once
// The kernels' own threads. Work is split over outputs only, so bits depend on no thread count.
//
// parallel_for may be called from one thread at a time and not from inside a running loop (both
// checked); the calling thread works too. Workers spin for some 30 microseconds after a loop and
// then sleep, so the many small loops of one step follow each other without system calls and an
// idle program costs nothing.
#include <cstdint>

namespace retort::kernels {

// Threads that a loop uses, the caller included: at least 1. Default: the processors this process
// may use (affinity and the control group's quota), at most 64.
int threads();
void set_threads(int count);

using LoopBody = void (*)(void* context, int64_t begin, int64_t end);

// Calls body on disjoint ranges that cover [0, count). Ranges hold `grain` items or more (the last
// may be shorter); count <= grain runs on the calling thread. The body must not throw.
void run_loop(int64_t count, int64_t grain, LoopBody body, void* context);

// `function(begin, end)`. Always inlined: files compiled per instruction set share no code with
// others.
template <class Function>
inline __attribute__((always_inline)) void parallel_for(int64_t count, int64_t grain,
                                                        const Function& function) {
  run_loop(
      count, grain,
      [](void* context, int64_t begin, int64_t end) {
        (*static_cast<const Function*>(context))(begin, end);
      },
      const_cast<Function*>(&function));
}

// Memory of the calling thread, 64-byte aligned, at least `floats` long, valid until its next
// request for the same slot. Contents are undefined.
enum class Scratch { kRightPanel, kRightBlock, kLeftBlock, kLogits, kScores, kSequence, kCount };
float* scratch(Scratch slot, int64_t floats);

}  // namespace retort::kernels
