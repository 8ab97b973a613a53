#include "kernels/probe.h"

#include "kernels/parallel.h"
#include "kernels/testing.h"

#include <algorithm>

namespace retort::kernels {
namespace {

// Fills the calling thread's scratch memory with not-a-number: a kernel that reads what it did not
// write shows it.
void poison_scratch() {
  constexpr int64_t kFloats = 1 << 16;
  for (int slot = 0; slot < static_cast<int>(Scratch::kCount); ++slot) {
    std::fill_n(scratch(static_cast<Scratch>(slot), kFloats), kFloats, __builtin_nanf(""));
  }
}

// Runs `check` with several numbers of threads and puts the old one back.
std::string for_threads(const std::function<std::string()>& check) {
  const int before = threads();
  std::string message;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    message = check();
    if (message.empty()) continue;
    message = std::to_string(count) + " threads, " + message;
    break;
  }
  set_threads(before);
  return message;
}

}  // namespace

std::string describe(const std::string& where, const std::vector<float>& got,
                     const std::vector<float>& want, int64_t columns) {
  const auto rows = static_cast<int64_t>(want.size()) / columns;
  const BitComparison same = bitwise_equal(got.data(), want.data(), {rows, columns});
  return same ? "" : where + ": " + same.message;
}

std::string probe_rows(const RowFunction& function) {
  const auto run = [&](int64_t first, int64_t count) -> std::string {
    const std::string where =
        "rows " + std::to_string(first) + " to " + std::to_string(first + count - 1);
    GuardedOutput out(count * function.columns);
    poison_scratch();
    function.kernel(first, count, out.data());
    if (!out.intact()) return where + ": wrote outside its output";
    const auto begin = function.definition.begin() + first * function.columns;
    return describe(where, out.values(), {begin, begin + count * function.columns},
                    function.columns);
  };
  const std::string whole = for_threads([&] { return run(0, function.rows); });
  if (!whole.empty()) return whole;
  for (const int64_t size : {1, 2, 5, 7, 8, 13, 32}) {
    for (int64_t first = 0; first < function.rows; first += size) {
      const std::string message = run(first, std::min(size, function.rows - first));
      if (!message.empty()) return message;
    }
  }
  return "";
}

std::string probe_accumulation(const AccumulatingFunction& function) {
  const auto run = [&](int64_t size) {
    std::vector<float> accumulator = function.start;
    poison_scratch();
    for (int64_t first = 0; first < function.tokens; first += size) {
      function.kernel(first, std::min(size, function.tokens - first), accumulator.data());
    }
    return describe("in pieces of " + std::to_string(size) + " tokens", accumulator,
                    function.definition, 1);
  };
  const std::string whole = for_threads([&] { return run(function.tokens); });
  if (!whole.empty()) return whole;
  for (const int64_t size : {1, 5, 16}) {
    const std::string message = run(size);
    if (!message.empty()) return message;
  }
  return "";
}

}  // namespace retort::kernels
