#pragma once

#include "tests/source_tree.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace retort::tests {

// What a folder's files may include of LibTorch (headers below ATen/, torch/, c10/, caffe2/).
struct TorchRule {
  // Every .cpp may.
  bool any_source = false;
  // Only files whose name ends so may ("_op.cpp").
  std::set<std::string> source_endings;
  // Headers whose name ends so may include `headers` and nothing else; other headers nothing.
  std::set<std::string> header_endings;
  std::set<std::string> headers;
};

// The include table of docs/ARCHITECTURE.md.
struct IncludeTable {
  // For each folder the folders it may include, its own among them.
  std::map<std::string, std::set<std::string>> may_include;
  std::map<std::string, TorchRule> torch;
};

// Reads the Markdown table whose last column is "torch headers". Throws std::runtime_error with
// what is wrong when there is none or a cell is not understood.
IncludeTable parse_include_table(std::string_view markdown);

// One sentence a violation: "learner/loss.cpp:3: learner may not include rollout
// (rollout/engine.h)".
std::vector<std::string> include_violations(const IncludeTable& table,
                                            const std::vector<SourceFile>& files);

}  // namespace retort::tests
