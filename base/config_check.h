#pragma once
// What a configuration field may hold. Each check knows its own sentence, which ends an error ("set
// it to 2 or more") and stands in the documentation.
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::config {

class Check {
 public:
  // The sentence of the range, "" when everything is allowed: "2 or more", "from 0 to 1", "one of
  // a, b".
  std::string range() const;
  bool allows(double value) const;  // nan is outside every range; no field takes an infinity
  bool allows(std::string_view text) const;
  const std::vector<std::string>& names() const { return names_; }

 private:
  friend Check at_least(double);
  friend Check at_most(double);
  friend Check between(double, double);
  friend Check greater_than(double);
  friend Check from_to_below(double, double);
  friend Check one_of(std::vector<std::string>);
  friend Check not_empty();

  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low_ = -kInfinity;
  double high_ = kInfinity;
  bool low_excluded_ = false;
  bool high_excluded_ = false;
  bool not_empty_ = false;
  bool bounded_ = false;  // nan is refused
  std::vector<std::string> names_;
};

Check any();
Check at_least(double low);
Check at_most(double high);
Check between(double low, double high);  // both included
Check greater_than(double low);
Check from_to_below(double low, double high);  // the higher one excluded
Check one_of(std::vector<std::string> names);
Check one_of(std::initializer_list<const char*> names);
Check not_empty();  // a text of at least one character

}  // namespace retort::config
