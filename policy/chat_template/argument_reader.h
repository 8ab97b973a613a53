#pragma once
// Arguments of a built-in function by place or name, with the messages that a caller needs.
#include "policy/chat_template/value.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort::jinja {

class ArgumentReader {
 public:
  // `names`: of the parameters, in order. Fails when there are more arguments, or others.
  ArgumentReader(std::string_view function, const Arguments& arguments,
                 std::vector<std::string_view> names)
      : function_(function), arguments_(arguments), names_(std::move(names)) {
    arguments_.expect(function_, names_.size(), names_);
  }

  const Value* optional(size_t place) const { return arguments_.get(place, names_[place]); }

  const Value& required(size_t place) const {
    const Value* found = optional(place);
    if (found == nullptr) fail(place, "is missing");
    return *found;
  }

  const std::string& text(size_t place) const {
    const Value& found = required(place);
    require_defined(found);
    if (!found.is_string()) fail(place, "must be str, not " + std::string(found.type_name()));
    return found.text();
  }

  int64_t integer(size_t place) const {
    const Value& found = required(place);
    require_defined(found);
    if (!found.is_integral()) fail(place, "must be int, not " + std::string(found.type_name()));
    return found.integer();
  }

  std::string text_or(size_t place, const std::string& fallback) const {
    return optional(place) == nullptr ? fallback : text(place);
  }
  int64_t integer_or(size_t place, int64_t fallback) const {
    return optional(place) == nullptr ? fallback : integer(place);
  }
  bool truth_or(size_t place, bool fallback) const {
    const Value* found = optional(place);
    return found == nullptr ? fallback : truth(*found);
  }

  [[noreturn]] void fail(size_t place, const std::string& what) const {
    throw TemplateFailure(std::string(function_) + "(): argument '" + std::string(names_[place]) +
                          "' " + what);
  }

 private:
  std::string_view function_;
  const Arguments& arguments_;
  std::vector<std::string_view> names_;
};

}  // namespace retort::jinja
