#pragma once
// The cases of `retort bench` that need no model: what carries and keeps a run's samples.
#include "kernels/bench.h"

namespace retort {

// Samples and a Version from one process to another over ZeroMQ on loopback, beside a bare loop of
// libzmq.
void bench_channel(kernels::Bench& bench);
// Samples a second into run.db, on the disk, beside a file that takes as many bytes and is synced
// as often.
void bench_record(kernels::Bench& bench);

}  // namespace retort
