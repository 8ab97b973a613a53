#pragma once
// Learning-rate schedules. Counted in steps from 0.
#include <cstdint>
#include <string>

namespace retort {

struct Schedule {
  std::string kind = "constant";  // constant, cosine, linear
  double lr = 0;
  int64_t warmup_steps = 0;
  int64_t steps = 1;
  double final_ratio = 0;  // of cosine and linear, reached at `steps`

  // warm-up: lr (step + 1) / warmup. Then, with p = (step - warmup) / (steps - warmup):
  //   linear lr (1 - (1 - final) p), cosine lr (final + (1 - final) (1 + cos(pi p)) / 2).
  double at(int64_t step) const;
};

}  // namespace retort
