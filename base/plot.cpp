// plot_curve of base/log.h.
#include "base/log.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace retort {
namespace {

// Means of at most `width` equal shares of the values; nan for a share without a number.
std::vector<double> columns_of(const std::vector<double>& values, size_t width) {
  const size_t count = std::min(width, values.size());
  std::vector<double> columns;
  for (size_t c = 0; c < count; ++c) {
    const size_t begin = c * values.size() / count;
    const size_t end = (c + 1) * values.size() / count;
    double sum = 0;
    int numbers = 0;
    for (size_t i = begin; i < end; ++i) {
      if (!std::isfinite(values[i])) continue;
      sum += values[i];
      ++numbers;
    }
    columns.push_back(numbers > 0 ? sum / numbers : std::nan(""));
  }
  return columns;
}

std::string label(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%8.3g", value);
  return text;
}

}  // namespace

std::string plot_curve(const std::vector<double>& values, size_t width, size_t height,
                       PlotStyle style) {
  const std::vector<double> columns = columns_of(values, width);
  double low = INFINITY, high = -INFINITY;
  for (const double column : columns) {
    if (std::isnan(column)) continue;
    low = std::min(low, column);
    high = std::max(high, column);
  }
  if (low > high || height == 0) return "";

  // A column's height in eighths of a line; the lowest value still shows one eighth.
  static constexpr const char* kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const bool blocks = style == PlotStyle::kBlocks;
  const double span = high > low ? high - low : 1;
  const auto eighths_of = [&](double value) {
    if (std::isnan(value)) return 0L;
    return 1 + std::lround((value - low) / span * static_cast<double>(8 * height - 1));
  };
  std::string out;
  for (size_t line = 0; line < height; ++line) {
    const auto below = static_cast<long>(8 * (height - 1 - line));
    if (line == 0)
      out += label(high);
    else if (line + 1 == height)
      out += label(low);
    else
      out += std::string(8, ' ');
    out += blocks ? " ┤" : " |";
    std::string row;
    for (const double column : columns) {
      const long part = std::clamp(eighths_of(column) - below, 0L, 8L);
      row += blocks ? kEighths[part] : (part >= 4 || (part > 0 && below == 0) ? "#" : " ");
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  }
  out += std::string(8, ' ') + (blocks ? " └" : " +");
  for (size_t c = 0; c < columns.size(); ++c) out += blocks ? "─" : "-";
  const std::string last = std::to_string(values.size());
  out += "\n" + std::string(10, ' ') + "1";
  if (columns.size() > last.size() + 1)
    out += std::string(columns.size() - last.size() - 1, ' ') + last;
  return out;
}

}  // namespace retort
