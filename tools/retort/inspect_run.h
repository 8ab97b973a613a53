#pragma once
// A run as `retort inspect` prints it.
#include "tools/retort/run_report.h"

#include <cstddef>
#include <functional>
#include <string>

namespace retort {

// A token's text; "" when it is not known.
using TokenText = std::function<std::string(int32_t id)>;

struct TextStyle {
  size_t width = 80;     // columns; the plots keep to it
  bool colours = false;  // headings in bold
};

// For a person; ends with a line break. At most 40 tokens of the sample are shown.
std::string run_report_text(const RunReport& report, const TokenText& token_text,
                            const TextStyle& style);

// One JSON object: everything, log-probabilities with every bit.
std::string run_report_json(const RunReport& report, const TokenText& token_text);

}  // namespace retort
