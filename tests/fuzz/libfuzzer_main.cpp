// Joins one target to libFuzzer; the target's name is RETORT_FUZZ_TARGET. An empty corpus folder is
// filled with the target's seeds: `fuzz_record build-fuzz/corpus_record -max_total_time=600`.
#include "base/file.h"
#include "tests/fuzz/fuzz_targets.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

const retort::tests::FuzzTarget& target() {
  for (const auto& row : retort::tests::fuzz_targets())
    if (row.name == RETORT_FUZZ_TARGET) return row;
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc < 2 || (*argv)[1][0] == '-') return 0;
  const std::string folder = (*argv)[1];
  retort::make_folder(folder);
  int number = 0;
  for (const auto& seed : target().seeds())
    retort::write_file_atomic(
        folder + "/seed_" + std::to_string(number++),
        std::string_view(reinterpret_cast<const char*>(seed.data()), seed.size()));
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string problem = target().problem({data, size});
  if (problem.empty()) return 0;
  std::fprintf(stderr, "%s\n", problem.c_str());
  std::abort();
}
