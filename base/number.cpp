#include "base/number.h"

#include "base/check.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace retort {
namespace {

std::string digits(double value, std::chars_format format) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  RT_CHECK(end.ec == std::errc());
  return std::string(buffer, end.ptr);
}

}  // namespace

std::string compact(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-4 && size < 1e15);
  return digits(value, fixed ? std::chars_format::fixed : std::chars_format::scientific);
}

std::string shortest(double value) {
  std::string text = compact(value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string format_float(float value) {
  RT_CHECK(std::isfinite(value)) << "JSON has no such number";
  char buffer[32];
  // Nine digits decide an fp32 number; the general format has at most 15 characters.
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<double>(value),
                                 std::chars_format::general, 9);
  return std::string(buffer, end.ptr);
}

}  // namespace retort
