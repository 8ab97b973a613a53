#include "base/config_check.h"

#include "base/error.h"
#include "base/number.h"

#include <algorithm>

namespace retort::config {

std::string Check::range() const {
  if (!names_.empty()) return "one of " + join(names_);
  if (not_empty_) return "a text that is not empty";
  const bool has_low = low_ != -kInfinity;
  const bool has_high = high_ != kInfinity;
  if (has_low && has_high)
    return "a value from " + compact(low_) + (high_excluded_ ? " to below " : " to ") +
           compact(high_);
  if (has_low) return low_excluded_ ? "more than " + compact(low_) : compact(low_) + " or more";
  if (has_high) return compact(high_) + " or less";
  return "";
}

bool Check::allows(double value) const {
  if (!bounded_) return true;
  return (low_excluded_ ? value > low_ : value >= low_) &&
         (high_excluded_ ? value < high_ : value <= high_);
}

bool Check::allows(std::string_view text) const {
  if (not_empty_ && text.empty()) return false;
  return names_.empty() || std::find(names_.begin(), names_.end(), text) != names_.end();
}

Check any() { return {}; }

Check at_least(double low) {
  Check check;
  check.low_ = low;
  check.bounded_ = true;
  return check;
}

Check at_most(double high) {
  Check check;
  check.high_ = high;
  check.bounded_ = true;
  return check;
}

Check between(double low, double high) {
  Check check = at_least(low);
  check.high_ = high;
  return check;
}

Check greater_than(double low) {
  Check check = at_least(low);
  check.low_excluded_ = true;
  return check;
}

Check from_to_below(double low, double high) {
  Check check = between(low, high);
  check.high_excluded_ = true;
  return check;
}

Check one_of(std::vector<std::string> names) {
  Check check;
  check.names_ = std::move(names);
  return check;
}

Check one_of(std::initializer_list<const char*> names) {
  return one_of(std::vector<std::string>(names.begin(), names.end()));
}

Check not_empty() {
  Check check;
  check.not_empty_ = true;
  return check;
}

}  // namespace retort::config
