#pragma once
// Runs the program under test as a user does.
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace retort::testing {

struct ProgramResult {
  int code = -1;    // exit code; 137 when it was killed by `timeout -s KILL`
  std::string out;  // standard output
  std::string err;  // standard error
};

// The shell command `RETORT arguments`, with $RETORT_PROGRAM (set by ctest) as RETORT. `prefix`
// stands before it, as "timeout -s KILL 0.5".
ProgramResult run_retort(const std::string& arguments, const std::string& prefix = "");

// A new empty folder, removed with its contents at the end of the test program.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

std::string file_text(const std::string& path);  // "" when there is none
void write_text(const std::string& path, const std::string& text);
// Every regular file under `folder` with its bytes' hash, one a line, sorted: equal texts are equal
// trees.
std::string tree_digest(const std::string& folder);

// Running processes of the program under test whose command line names `run`: the learner's first.
std::vector<int> processes_of(const std::string& run);
// Waits up to 20 s for all of them to end; how many are left.
size_t processes_left(const std::string& run);

// The rows of RUN/metrics.jsonl, step 0 first.
std::vector<nlohmann::json> metrics_of(const std::string& run);
// Their deterministic metrics (base/metric.h), a row a line.
std::string deterministic_metrics(const std::string& run);

}  // namespace retort::testing
