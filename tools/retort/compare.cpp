// retort compare: what differs between two runs, or two models.
#include "base/error.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/compare_records.h"
#include "tools/retort/compare_weights.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace retort {
namespace {

namespace fs = std::filesystem;

enum class Kind { kRun, kModel };

const char* name_of(Kind kind) { return kind == Kind::kRun ? "a run" : "a model"; }

Kind kind_of(const std::string& path) {
  if (!fs::is_directory(path))
    throw UserError(path, "is no directory", "give the directory of a run or of a model");
  if (fs::exists(fs::path(path) / "run.db")) return Kind::kRun;
  for (const char* file : {"config.json", "model.safetensors", "model.safetensors.index.json"})
    if (fs::exists(fs::path(path) / file)) return Kind::kModel;
  throw UserError(path, "holds neither a run (run.db) nor a model (config.json)",
                  "give the directory of a run or of a model");
}

Comparison compare(const std::string& a, const std::string& b) {
  const Kind kind = kind_of(a);
  if (kind_of(b) != kind)
    throw UserError(b, fmt::format("is {}, {} is {}", name_of(kind_of(b)), a, name_of(kind)),
                    "compare two runs or two models");
  if (kind == Kind::kModel) return compare_models(a, b);
  Comparison comparison = compare_records(a, b);
  comparison.push_back(compare_checkpoints(a, b));
  return comparison;
}

}  // namespace

int run_compare(const CommandArguments& arguments) {
  std::string a, b;
  bool assert_equal = false, json = false;
  Arguments parser("compare",
                   "What differs between two runs (steps, tokens, log-probabilities, verdicts, "
                   "deterministic metrics, weights), or between the tensors of two models.",
                   "retort compare configs/tiny_base configs/tiny_base --assert-equal");
  parser.positional("A", a, "directory of a run, a checkpoint or a Hugging Face model");
  parser.positional("B", b, "directory of the same kind");
  parser.flag("--assert-equal", assert_equal,
              "exit code 1 when anything deterministic differs, or nothing was compared");
  parser.flag("--json", json, "one JSON object a row");
  if (!parser.parse(arguments)) return 0;
  const Comparison comparison = compare(a, b);
  const bool equal = all_equal(comparison);
  if (json)
    fmt::print("{}", comparison_json(comparison));
  else
    fmt::print("A = {}\nB = {}\n\n{}\n{}\n", a, b, comparison_table(comparison),
               equal ? "equal in everything that is deterministic" : "not equal");
  return assert_equal && !equal ? 1 : 0;
}

}  // namespace retort
