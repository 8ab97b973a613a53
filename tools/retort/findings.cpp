#include "tools/retort/findings.h"

#include "base/log.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace retort {
namespace {

const char* name_of(FindingState state) {
  switch (state) {
    case FindingState::kOk:
      return "ok";
    case FindingState::kAbsent:
      return "absent";
    case FindingState::kMissing:
      return "missing";
  }
  return "";
}

const char* colour_of(FindingState state) {
  switch (state) {
    case FindingState::kOk:
      return "\x1b[32m";
    case FindingState::kAbsent:
      return "\x1b[33m";
    case FindingState::kMissing:
      return "\x1b[31m";
  }
  return "";
}

}  // namespace

const Finding* first_missing(const Findings& findings) {
  const auto found = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.state == FindingState::kMissing;
  });
  return found == findings.end() ? nullptr : &*found;
}

std::string findings_table(const Findings& findings, bool colours) {
  std::string out;
  for (const Finding& finding : findings) {
    out += fmt::format("{}{:<8}{} {:<18} {}\n", colours ? colour_of(finding.state) : "",
                       name_of(finding.state), colours ? "\x1b[0m" : "", finding.name,
                       one_line(finding.text));
    if (!finding.fix.empty()) out += fmt::format("{:27} -> {}\n", "", one_line(finding.fix));
  }
  const Finding* missing = first_missing(findings);
  return out + (missing == nullptr ? "\n`retort train` on a CPU has what it needs\n"
                                   : "\n`retort train` on a CPU lacks: " + missing->name + "\n");
}

std::string findings_json(const Findings& findings) {
  using Json = nlohmann::ordered_json;
  Json json = {{"ready", first_missing(findings) == nullptr}, {"findings", Json::array()}};
  for (const Finding& finding : findings) {
    Json row = {{"name", finding.name},
                {"state", name_of(finding.state)},
                {"text", finding.text},
                {"fix", finding.fix.empty() ? Json() : Json(finding.fix)}};
    for (const auto& [name, value] : finding.numbers)
      if (value == static_cast<double>(static_cast<int64_t>(value)))
        row[name] = static_cast<int64_t>(value);
      else
        row[name] = value;
    json["findings"].push_back(row);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace retort
