#include "policy/chat_template/methods.h"

#include "policy/chat_template/argument_reader.h"
#include "policy/chat_template/formatting.h"
#include "policy/chat_template/limits.h"
#include "policy/chat_template/python_text.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace retort::jinja {
namespace {

using Kind = Value::Kind;
using python::Side;

List as_values(std::vector<std::string> texts) {
  List values;
  values.reserve(texts.size());
  for (std::string& text : texts) values.emplace_back(std::move(text));
  return values;
}

Value strip(const std::string& text, const Arguments& arguments, Side side) {
  const ArgumentReader read("strip", arguments, {"chars"});
  const Value* chars = read.optional(0);
  if (chars == nullptr || chars->is_none()) return Value(python::strip(text, side));
  return Value(python::strip(text, side, read.text(0)));
}

Value split(const std::string& text, const Arguments& arguments, bool from_right) {
  const ArgumentReader read(from_right ? "rsplit" : "split", arguments, {"sep", "maxsplit"});
  const int64_t limit = read.integer_or(1, -1);
  const Value* separator = read.optional(0);
  if (separator == nullptr || separator->is_none()) {
    return Value(as_values(from_right ? python::rsplit_at_space(text, limit)
                                      : python::split_at_space(text, limit)));
  }
  const std::string& at = read.text(0);
  if (at.empty()) throw TemplateFailure("empty separator");
  return Value(
      as_values(from_right ? python::rsplit(text, at, limit) : python::split(text, at, limit)));
}

// startswith and endswith: one text or a tuple of them.
Value has_affix(const std::string& text, const Arguments& arguments, bool at_end) {
  const ArgumentReader read(at_end ? "endswith" : "startswith", arguments, {"affix"});
  const Value& affix = read.required(0);
  const auto has = [&](const Value& part) {
    if (!part.is_string())
      throw TemplateFailure("startswith and endswith need a str or a tuple of str");
    return at_end ? text.ends_with(part.text()) : text.starts_with(part.text());
  };
  if (affix.is(Kind::kTuple)) return Value(std::ranges::any_of(affix.items(), has));
  return Value(has(affix));
}

// Position in code points, -1 when it is not there.
Value find(const std::string& text, const Arguments& arguments, bool from_right, bool must_be) {
  const ArgumentReader read(must_be ? "index" : "find", arguments, {"sub"});
  const std::string& part = read.text(0);
  const size_t at = from_right ? text.rfind(part) : text.find(part);
  if (at != std::string::npos) return Value(python::length(std::string_view(text).substr(0, at)));
  if (must_be) throw TemplateFailure("substring not found");
  return Value(int64_t{-1});
}

Value partition(const std::string& text, const Arguments& arguments, bool from_right) {
  const ArgumentReader read("partition", arguments, {"sep"});
  const std::string& separator = read.text(0);
  if (separator.empty()) throw TemplateFailure("empty separator");
  const size_t at = from_right ? text.rfind(separator) : text.find(separator);
  List parts;
  if (at == std::string::npos) {
    parts = from_right ? List{Value(""), Value(""), Value(text)}
                       : List{Value(text), Value(""), Value("")};
  } else {
    parts = {Value(text.substr(0, at)), Value(separator),
             Value(text.substr(at + separator.size()))};
  }
  return Value(Tuple{std::move(parts)});
}

// ljust, rjust, center: fills up to a width with one character.
Value justify(const std::string& text, const Arguments& arguments, Side side) {
  const ArgumentReader read("ljust, rjust or center", arguments, {"width", "fillchar"});
  const std::string fill = read.text_or(1, " ");
  if (python::length(fill) != 1) throw TemplateFailure("the fill character must be one character");
  const int64_t missing = std::max<int64_t>(read.integer(0) - python::length(text), 0);
  check_item_count(missing);
  const int64_t width = missing + python::length(text);
  const int64_t left = side == Side::kLeft    ? 0
                       : side == Side::kRight ? missing
                                              : missing / 2 + (missing & width & 1);
  std::string out;
  for (int64_t i = 0; i < left; ++i) out += fill;
  out += text;
  for (int64_t i = left; i < missing; ++i) out += fill;
  return Value(std::move(out));
}

Value zfill(const std::string& text, const Arguments& arguments) {
  const ArgumentReader read("zfill", arguments, {"width"});
  const int64_t missing = std::max<int64_t>(read.integer(0) - python::length(text), 0);
  check_item_count(missing);
  const bool has_sign = text.starts_with('+') || text.starts_with('-');
  return Value(text.substr(0, has_sign ? 1 : 0) + std::string(static_cast<size_t>(missing), '0') +
               text.substr(has_sign ? 1 : 0));
}

Value join(const std::string& text, const Arguments& arguments) {
  const ArgumentReader read("join", arguments, {"iterable"});
  std::string out;
  bool is_first = true;
  for (const Value& part : iterate(read.required(0))) {
    if (!part.is_string()) throw TemplateFailure("join needs strings");
    if (!std::exchange(is_first, false)) out += text;
    check_text_size(out.size() + part.text().size() + text.size());
    out += part.text();
  }
  return Value(std::move(out));
}

Value replace(const std::string& text, const Arguments& arguments) {
  const ArgumentReader read("replace", arguments, {"old", "new", "count"});
  const std::string& from = read.text(0);
  const std::string& to = read.text(1);
  const size_t places = from.empty() ? text.size() + 1 : text.size() / from.size();
  if (to.size() > from.size() && places > kMaxText / to.size()) check_text_size(kMaxText + 1);
  return Value(python::replace(text, from, to, read.integer_or(2, -1)));
}

using TextMethod = Value (*)(const std::string&, const Arguments&);

template <std::string (*change)(std::string_view)>
Value changed(const std::string& text, const Arguments& arguments) {
  const ArgumentReader read("a method of str", arguments, {});
  return Value(change(text));
}

template <bool (*predicate)(std::string_view)>
Value holds(const std::string& text, const Arguments& arguments) {
  const ArgumentReader read("a method of str", arguments, {});
  return Value(predicate(text));
}

struct TextRow {
  std::string_view name;
  TextMethod method;  // null: Python has it, this interpreter does not
};

constexpr std::array<TextRow, 47> kTextMethods = {{
    {"capitalize", changed<python::capitalize>},
    {"casefold", nullptr},
    {"center", [](const std::string& t, const Arguments& a) { return justify(t, a, Side::kBoth); }},
    {"count",
     [](const std::string& t, const Arguments& a) {
       const ArgumentReader read("count", a, {"sub"});
       const std::string& part = read.text(0);
       if (part.empty()) return Value(python::length(t) + 1);
       return Value(static_cast<int64_t>(python::split(t, part, -1).size()) - 1);
     }},
    {"encode", nullptr},
    {"endswith", [](const std::string& t, const Arguments& a) { return has_affix(t, a, true); }},
    {"expandtabs", nullptr},
    {"find", [](const std::string& t, const Arguments& a) { return find(t, a, false, false); }},
    {"format",
     [](const std::string& t, const Arguments& a) { return Value(format_braces(t, a)); }},
    {"format_map", nullptr},
    {"index", [](const std::string& t, const Arguments& a) { return find(t, a, false, true); }},
    {"isalnum", holds<python::is_alnum>},
    {"isalpha", holds<python::is_alpha>},
    {"isascii", nullptr},
    {"isdecimal", holds<python::is_decimal>},
    {"isdigit", holds<python::is_digit>},
    {"isidentifier", nullptr},
    {"islower", holds<python::is_lower>},
    {"isnumeric", nullptr},
    {"isprintable", nullptr},
    {"isspace", holds<python::is_all_space>},
    {"istitle", nullptr},
    {"isupper", holds<python::is_upper>},
    {"join", join},
    {"ljust", [](const std::string& t, const Arguments& a) { return justify(t, a, Side::kLeft); }},
    {"lower", changed<python::lower>},
    {"lstrip", [](const std::string& t, const Arguments& a) { return strip(t, a, Side::kLeft); }},
    {"maketrans", nullptr},
    {"partition", [](const std::string& t, const Arguments& a) { return partition(t, a, false); }},
    {"removeprefix",
     [](const std::string& t, const Arguments& a) {
       const ArgumentReader read("removeprefix", a, {"prefix"});
       return Value(t.starts_with(read.text(0)) ? t.substr(read.text(0).size()) : t);
     }},
    {"removesuffix",
     [](const std::string& t, const Arguments& a) {
       const ArgumentReader read("removesuffix", a, {"suffix"});
       return Value(t.ends_with(read.text(0)) ? t.substr(0, t.size() - read.text(0).size()) : t);
     }},
    {"replace", replace},
    {"rfind", [](const std::string& t, const Arguments& a) { return find(t, a, true, false); }},
    {"rindex", [](const std::string& t, const Arguments& a) { return find(t, a, true, true); }},
    {"rjust", [](const std::string& t, const Arguments& a) { return justify(t, a, Side::kRight); }},
    {"rpartition", [](const std::string& t, const Arguments& a) { return partition(t, a, true); }},
    {"rsplit", [](const std::string& t, const Arguments& a) { return split(t, a, true); }},
    {"rstrip", [](const std::string& t, const Arguments& a) { return strip(t, a, Side::kRight); }},
    {"split", [](const std::string& t, const Arguments& a) { return split(t, a, false); }},
    {"splitlines",
     [](const std::string& t, const Arguments& a) {
       const ArgumentReader read("splitlines", a, {"keepends"});
       return Value(as_values(python::split_lines(t, read.truth_or(0, false))));
     }},
    {"startswith", [](const std::string& t, const Arguments& a) { return has_affix(t, a, false); }},
    {"strip", [](const std::string& t, const Arguments& a) { return strip(t, a, Side::kBoth); }},
    {"swapcase", changed<python::swapcase>},
    {"title", changed<python::title>},
    {"translate", nullptr},
    {"upper", changed<python::upper>},
    {"zfill", zfill},
}};

// A method that belongs to `self`.
template <class Call>
Value bound(std::string_view name, Call call) {
  Callable made;
  made.name = name;
  made.call = [call = std::move(call)](Interpreter&, const Arguments& arguments) {
    return call(arguments);
  };
  return Value(std::move(made));
}

Value changes_it(const Value& self, std::string_view name) {
  return Value::undefined("access to method '" + std::string(name) + "' of a " +
                          std::string(self.type_name()) +
                          " is not allowed: templates do not change values");
}

// Texts that a method of markup gives are markup too.
Value as_markup(const Value& result) {
  if (result.is_string()) return Value::markup(result.text());
  if (!result.is(Kind::kList) && !result.is(Kind::kTuple)) return result;
  List items;
  for (const Value& item : result.items()) items.push_back(as_markup(item));
  return result.is(Kind::kList) ? Value(std::move(items)) : Value(Tuple{std::move(items)});
}

std::optional<Value> text_method(const Value& self, std::string_view name) {
  const auto row = std::ranges::find(kTextMethods, name, &TextRow::name);
  if (row == kTextMethods.end()) return std::nullopt;
  return bound(name, [self, row](const Arguments& arguments) {
    if (row->method == nullptr) {
      throw TemplateFailure("method '" + std::string(row->name) + "' of str is not supported");
    }
    if (!self.is_markup()) return row->method(self.text(), arguments);
    for (const char* escaping : {"center", "format", "join", "ljust", "replace", "rjust"}) {
      if (row->name == escaping) {
        throw TemplateFailure("method '" + std::string(escaping) +
                              "' of a text that safe or escape made is not supported");
      }
    }
    return as_markup(row->method(self.text(), arguments));
  });
}

std::optional<Value> sequence_method(const Value& self, std::string_view name) {
  if (name == "count") {
    return bound(name, [self](const Arguments& arguments) {
      const ArgumentReader read("count", arguments, {"value"});
      return Value(static_cast<int64_t>(std::ranges::count_if(
          self.items(), [&](const Value& item) { return equal(item, read.required(0)); })));
    });
  }
  if (name == "index") {
    return bound(name, [self](const Arguments& arguments) {
      const ArgumentReader read("index", arguments, {"value"});
      for (size_t i = 0; i < self.items().size(); ++i) {
        if (equal(self.items()[i], read.required(0))) return Value(static_cast<int64_t>(i));
      }
      throw TemplateFailure("the value is not in the list");
    });
  }
  if (!self.is(Kind::kList)) return std::nullopt;
  if (name == "copy") return bound(name, [self](const Arguments&) { return self; });
  for (const char* method :
       {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}) {
    if (name == method) return changes_it(self, name);
  }
  return std::nullopt;
}

std::optional<Value> dict_method(const Value& self, std::string_view name) {
  if (name == "get") {
    return bound(name, [self](const Arguments& arguments) {
      const ArgumentReader read("get", arguments, {"key", "default"});
      const Value* found = self.dict().find(read.required(0));
      if (found != nullptr) return *found;
      const Value* fallback = read.optional(1);
      return fallback != nullptr ? *fallback : Value(None());
    });
  }
  if (name == "items" || name == "keys" || name == "values") {
    return bound(name, [self, which = name[0]](const Arguments& arguments) {
      const ArgumentReader read("a method of dict", arguments, {});
      List all;
      for (const auto& [key, value] : self.dict().entries) {
        all.push_back(which == 'i' ? Value(Tuple{{key, value}}) : which == 'k' ? key : value);
      }
      return Value(std::move(all));
    });
  }
  if (name == "copy") return bound(name, [self](const Arguments&) { return self; });
  for (const char* method : {"clear", "pop", "popitem", "setdefault", "update", "fromkeys"}) {
    if (name == method) return changes_it(self, name);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Value> python_attribute(const Value& value, std::string_view name) {
  switch (value.kind()) {
    case Kind::kString:
      return text_method(value, name);
    case Kind::kList:
    case Kind::kTuple:
      return sequence_method(value, name);
    case Kind::kDict:
      return dict_method(value, name);
    case Kind::kNamespace: {
      const Value* found = value.space().attributes.find(name);
      return found == nullptr ? std::nullopt : std::optional(*found);
    }
    case Kind::kCallable: {
      if (!value.callable().attribute) return std::nullopt;
      const Value found = value.callable().attribute(name);
      return found.is_undefined() ? std::nullopt : std::optional(found);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace retort::jinja
