#pragma once
// One training run, whoever makes its samples: this process (train), processes that it starts
// (train --workers N), or workers from elsewhere (learn).
#include "tools/retort/worker_pool.h"

#include <string>
#include <vector>

namespace retort {

class Arguments;

struct TrainOptions {
  std::string command = "train", config, run_dir;
  std::vector<std::string> assignments;
  bool resume = false, explain = false, json = false, quiet = false;
  WorkerPlan workers;
  std::string again;  // options that the command that goes on after Ctrl-C repeats: " --workers 2"
};
// CONFIG, --set, --run, --resume, --explain, --json.
void add_train_options(Arguments& parser, TrainOptions& options);
void add_silence_option(Arguments& parser, TrainOptions& options);  // where there may be workers
int run_training(TrainOptions options);

}  // namespace retort
