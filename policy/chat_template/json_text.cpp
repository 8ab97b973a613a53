#include "policy/chat_template/json_text.h"

#include "policy/chat_template/limits.h"
#include "policy/chat_template/python_text.h"
#include "policy/tokenizer/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

namespace retort::jinja {
namespace {

using Kind = Value::Kind;

constexpr int kMaxDepth = 200;

void append_unit(uint32_t unit, std::string* out) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "\\u%04x", unit);
  *out += text.data();
}

void append_string(std::string_view text, bool ensure_ascii, std::string* out) {
  *out += '"';
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_code_point(text, &at);
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\f':
        *out += "\\f";
        break;
      case '\b':
        *out += "\\b";
        break;
      default:
        if (c < 0x20 || (ensure_ascii && c > 0x7E && c < 0x10000)) {
          append_unit(c, out);
        } else if (ensure_ascii && c >= 0x10000) {
          append_unit(0xD800 + ((c - 0x10000) >> 10), out);
          append_unit(0xDC00 + ((c - 0x10000) & 0x3FF), out);
        } else {
          append_code_point(c, out);
        }
    }
  }
  *out += '"';
}

class Writer {
 public:
  explicit Writer(const JsonStyle& style) : style_(style) {}

  void write(const Value& value) {
    check_text_size(out_.size());
    switch (value.kind()) {
      case Kind::kNone:
        out_ += "null";
        return;
      case Kind::kBool:
        out_ += value.boolean() ? "true" : "false";
        return;
      case Kind::kInt:
        out_ += std::to_string(value.integer());
        return;
      case Kind::kFloat:
        out_ += float_text(value.number());
        return;
      case Kind::kString:
        append_string(value.text(), style_.ensure_ascii, &out_);
        return;
      case Kind::kList:
      case Kind::kTuple:
        return write_list(value.items());
      case Kind::kDict:
        return write_dict(value.dict());
      default:
        throw TemplateFailure("Object of type " + std::string(value.type_name()) +
                              " is not JSON serializable" +
                              (value.is_undefined() ? " (" + value.why_undefined() + ")" : ""));
    }
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string float_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return python::float_text(value);
  }

  void begin(char bracket) {
    if (++depth_ > kMaxDepth) throw TemplateFailure("JSON is nested too deeply");
    out_ += bracket;
  }

  void separate(bool is_first) {
    if (!is_first) out_ += style_.item_separator;
    if (style_.is_indented) new_line();
  }

  void new_line() {
    out_ += '\n';
    for (int i = 0; i < depth_; ++i) out_ += style_.indent;
  }

  void end(char bracket) {
    --depth_;
    if (style_.is_indented) new_line();
    out_ += bracket;
  }

  void write_list(const List& items) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    begin('[');
    for (size_t i = 0; i < items.size(); ++i) {
      separate(i == 0);
      write(items[i]);
    }
    end(']');
  }

  static std::string key_text(const Value& key) {
    switch (key.kind()) {
      case Kind::kString:
        return key.text();
      case Kind::kNone:
        return "null";
      case Kind::kBool:
        return key.boolean() ? "true" : "false";
      case Kind::kInt:
        return std::to_string(key.integer());
      case Kind::kFloat:
        return float_text(key.number());
      default:
        throw TemplateFailure("keys must be str, int, float, bool or None, not " +
                              std::string(key.type_name()));
    }
  }

  void write_dict(const Dict& dict) {
    if (dict.entries.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::ranges::stable_sort(
          entries, [](const auto* a, const auto* b) { return less(a->first, b->first); });
    }
    begin('{');
    for (size_t i = 0; i < entries.size(); ++i) {
      separate(i == 0);
      append_string(key_text(entries[i]->first), style_.ensure_ascii, &out_);
      out_ += style_.key_separator;
      write(entries[i]->second);
    }
    end('}');
  }

  const JsonStyle& style_;
  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string to_json(const Value& value, const JsonStyle& style) {
  Writer writer(style);
  writer.write(value);
  return writer.take();
}

namespace {

Value from_json(const nlohmann::ordered_json& json, int depth) {
  if (depth > kMaxValueDepth) throw TemplateFailure("JSON is nested too deeply");
  using Type = nlohmann::json::value_t;
  switch (json.type()) {
    case Type::boolean:
      return Value(json.get<bool>());
    case Type::number_integer:
      return Value(json.get<int64_t>());
    case Type::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > INT64_MAX)
        throw TemplateFailure("the number " + json.dump() + " leaves 64 bits");
      return Value(static_cast<int64_t>(number));
    }
    case Type::number_float:
      return Value(json.get<double>());
    case Type::string: {
      const std::string& text = json.get_ref<const std::string&>();
      if (const auto at = first_invalid_byte(text)) {
        throw TemplateFailure("a text of the chat is not UTF-8 at its byte " + std::to_string(*at));
      }
      return Value(text);
    }
    case Type::array: {
      List items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json(item, depth + 1));
      return Value(std::move(items));
    }
    case Type::object: {
      Dict dict;
      for (const auto& [key, item] : json.items()) {
        dict.entries.emplace_back(Value(key), from_json(item, depth + 1));
      }
      return Value(std::move(dict));
    }
    default:
      return Value(None());
  }
}

}  // namespace

Value from_json(const nlohmann::ordered_json& json) { return from_json(json, 0); }

}  // namespace retort::jinja
