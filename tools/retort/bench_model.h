#pragma once
// The cases of `retort bench` that run a whole model. Weights are random: speed depends on shapes.
#include "kernels/bench.h"

#include <string>
#include <vector>

namespace retort {

struct BenchOptions {
  std::string model;    // a model argument; empty: the shapes the benches know, with random weights
  std::string config;   // of the step
  std::string device;   // resolved
  int64_t threads = 0;  // 0: all cores, or as the step's config says
  int64_t batch = 0;    // sequences decoded together; 0: the case's own
};

// Tokens a second of decoding by the engine, sampling included; the bound is that of one forward:
// weights and cache read once, every product at peak.
void bench_decode(kernels::Bench& bench, const BenchOptions& options);
// Tokens a second through forward, backward and update of the learner.
void bench_learner(kernels::Bench& bench, const BenchOptions& options);
// Sampled tokens a second of whole training steps (draw, roll out, score, learn, publish).
void bench_step(kernels::Bench& bench, const BenchOptions& options);

}  // namespace retort
