#include "policy/chat_template/value.h"

#include "policy/chat_template/limits.h"
#include "policy/chat_template/python_text.h"

#include <algorithm>

namespace retort::jinja {
namespace {

constexpr std::string_view kTypeNames[] = {"Undefined", "NoneType",  "bool",      "int",
                                           "float",     "str",       "list",      "tuple",
                                           "dict",      "generator", "Namespace", "function"};

[[noreturn]] void no_order(const Value& a, const Value& b) {
  throw TemplateFailure("'<' not supported between instances of '" + std::string(a.type_name()) +
                        "' and '" + std::string(b.type_name()) + "'");
}

}  // namespace

void Generator::start() {
  if (produce) items = std::exchange(produce, nullptr)();
}

const Value* Dict::find(const Value& key) const {
  for (const auto& [name, value] : entries) {
    if (equal(name, key)) return &value;
  }
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.is_string() && name.text() == key) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  for (auto& [name, old] : entries) {
    if (equal(name, key)) {
      old = std::move(value);
      return;
    }
  }
  entries.emplace_back(std::move(key), std::move(value));
}

const Value* Arguments::get(size_t place, std::string_view name) const {
  const Value* found = place < positional.size() ? &positional[place] : nullptr;
  for (const auto& [key, value] : named) {
    if (key != name) continue;
    if (found != nullptr) throw TemplateFailure("argument '" + key + "' is given twice");
    found = &value;
  }
  return found;
}

void Arguments::expect(std::string_view function, size_t count,
                       const std::vector<std::string_view>& names) const {
  if (positional.size() > count) {
    throw TemplateFailure(std::string(function) + "() takes at most " + std::to_string(count) +
                          " arguments, got " + std::to_string(positional.size()));
  }
  for (const auto& [key, value] : named) {
    if (std::ranges::find(names, key) == names.end()) {
      throw TemplateFailure(std::string(function) + "() has no argument '" + key + "'");
    }
  }
}

Value Value::markup(std::string text) {
  Value made(std::move(text));
  made.is_markup_ = true;
  return made;
}

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = std::make_shared<const Undefined>(Undefined{std::move(why)});
  return value;
}

const std::string& Value::why_undefined() const {
  return std::get<std::shared_ptr<const Undefined>>(data_)->why;
}

int64_t Value::integer() const {
  return is(Kind::kBool) ? static_cast<int64_t>(boolean()) : std::get<int64_t>(data_);
}

double Value::number() const {
  return is(Kind::kFloat) ? std::get<double>(data_) : static_cast<double>(integer());
}

const std::string& Value::text() const {
  return *std::get<std::shared_ptr<const std::string>>(data_);
}

const List& Value::items() const {
  if (is(Kind::kTuple)) return std::get<std::shared_ptr<const Tuple>>(data_)->items;
  return *std::get<std::shared_ptr<const List>>(data_);
}

const Dict& Value::dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
Generator& Value::generator() const { return *std::get<std::shared_ptr<Generator>>(data_); }
namespace {

int checked_nesting(int nesting) {
  if (nesting > kMaxValueDepth) throw TemplateFailure("values are nested too deeply");
  return nesting;
}

}  // namespace

int nesting_around(const List& values) {
  int deepest = 0;
  for (const Value& value : values) deepest = std::max(deepest, value.nesting());
  return checked_nesting(deepest + 1);
}

int nesting_around(const Dict& dict) {
  int deepest = 0;
  for (const auto& [key, value] : dict.entries)
    deepest = std::max({deepest, key.nesting(), value.nesting()});
  return checked_nesting(deepest + 1);
}

Value::Value(List items) : nesting_(nesting_around(items)) {
  data_ = std::make_shared<const List>(std::move(items));
}
Value::Value(Tuple items) : nesting_(nesting_around(items.items)) {
  data_ = std::make_shared<const Tuple>(std::move(items));
}
Value::Value(Dict dict) : nesting_(nesting_around(dict)) {
  data_ = std::make_shared<const Dict>(std::move(dict));
}
Value::Value(Generator items)
    : nesting_(checked_nesting(std::max(nesting_around(items.items), items.nesting + 1))) {
  data_ = std::make_shared<Generator>(std::move(items));
}
Value::Value(std::shared_ptr<Namespace> space) : data_(std::move(space)) {
  Namespace& made = this->space();
  made.nesting = nesting_around(made.attributes);
}
Value::Value(Callable function) : nesting_(checked_nesting(function.nesting)) {
  data_ = std::make_shared<const Callable>(std::move(function));
}

int Value::nesting() const { return is(Kind::kNamespace) ? space().nesting : nesting_; }

void Namespace::set(Value name, Value value) {
  nesting = std::max(nesting, checked_nesting(value.nesting() + 1));
  attributes.set(std::move(name), std::move(value));
}

Namespace& Value::space() const { return *std::get<std::shared_ptr<Namespace>>(data_); }
const Callable& Value::callable() const {
  return *std::get<std::shared_ptr<const Callable>>(data_);
}

bool Value::same_as(const Value& other) const {
  if (kind() != other.kind()) return false;
  if (is(Kind::kNone)) return true;
  if (is_number() || is_string()) return equal(*this, other);
  return std::visit(
      [&](const auto& mine) {
        using T = std::decay_t<decltype(mine)>;
        if constexpr (requires { mine.get(); }) {
          return mine.get() == std::get<T>(other.data_).get();
        } else {
          return false;
        }
      },
      data_);
}

std::string_view Value::type_name() const { return kTypeNames[data_.index()]; }

void require_hashable(const Value& value) {
  if (value.is(Value::Kind::kList) || value.is(Value::Kind::kDict)) {
    throw TemplateFailure("unhashable type: '" + std::string(value.type_name()) + "'");
  }
  if (!value.is(Value::Kind::kTuple)) return;
  for (const Value& item : value.items()) require_hashable(item);
}

void require_defined(const Value& value) {
  if (value.is_undefined()) throw TemplateFailure(value.why_undefined());
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
    case Value::Kind::kNone:
      return false;
    case Value::Kind::kBool:
    case Value::Kind::kInt:
      return value.integer() != 0;
    case Value::Kind::kFloat:
      return value.number() != 0;
    case Value::Kind::kString:
      return !value.text().empty();
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return !value.items().empty();
    case Value::Kind::kDict:
      return !value.dict().entries.empty();
    case Value::Kind::kGenerator:
    case Value::Kind::kNamespace:
      return true;
    case Value::Kind::kCallable:
      return value.callable().length > 0;
  }
  return false;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.integer() == b.integer();
    return a.number() == b.number();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kUndefined:
    case Value::Kind::kNone:
      return true;
    case Value::Kind::kString:
      return a.text() == b.text();
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return std::ranges::equal(a.items(), b.items(), equal);
    case Value::Kind::kDict: {
      const Dict& left = a.dict();
      const Dict& right = b.dict();
      if (left.entries.size() != right.entries.size()) return false;
      return std::ranges::all_of(left.entries, [&](const auto& entry) {
        const Value* other = right.find(entry.first);
        return other != nullptr && equal(entry.second, *other);
      });
    }
    default:
      return a.same_as(b);
  }
}

bool less(const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.integer() < b.integer();
    return a.number() < b.number();
  }
  if (a.kind() != b.kind()) no_order(a, b);
  if (a.is_string()) return a.text() < b.text();  // bytes of UTF-8 are ordered as code points
  if (!a.is(Value::Kind::kList) && !a.is(Value::Kind::kTuple)) no_order(a, b);
  const List& left = a.items();
  const List& right = b.items();
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (!equal(left[i], right[i])) return less(left[i], right[i]);
  }
  return left.size() < right.size();
}

bool contains(const Value& container, const Value& item) {
  switch (container.kind()) {
    case Value::Kind::kString:
      if (!item.is_string()) {
        throw TemplateFailure("'in <string>' requires string as left operand, not " +
                              std::string(item.type_name()));
      }
      return container.text().find(item.text()) != std::string::npos;
    case Value::Kind::kDict:
      return container.dict().find(item) != nullptr;
    default:
      return std::ranges::any_of(iterate(container),
                                 [&](const Value& value) { return equal(value, item); });
  }
}

int64_t length(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
      return 0;
    case Value::Kind::kString:
      return python::length(value.text());
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return static_cast<int64_t>(value.items().size());
    case Value::Kind::kDict:
      return static_cast<int64_t>(value.dict().entries.size());
    default:
      throw TemplateFailure("object of type '" + std::string(value.type_name()) + "' has no len()");
  }
}

List iterate(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
      return {};
    case Value::Kind::kString: {
      List characters;
      for (const std::string_view c : python::characters(value.text())) {
        characters.emplace_back(c);
      }
      return characters;
    }
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return value.items();
    case Value::Kind::kDict: {
      List keys;
      for (const auto& entry : value.dict().entries) keys.push_back(entry.first);
      return keys;
    }
    case Value::Kind::kGenerator: {
      Generator& generator = value.generator();
      generator.start();
      List rest(generator.items.begin() + static_cast<std::ptrdiff_t>(generator.next),
                generator.items.end());
      generator.next = generator.items.size();
      return rest;
    }
    default:
      throw TemplateFailure("'" + std::string(value.type_name()) + "' object is not iterable");
  }
}

namespace {

std::string joined_representations(const List& items) {
  std::string text;
  for (const Value& item : items) text += (text.empty() ? "" : ", ") + representation(item);
  return text;
}

}  // namespace

std::string to_text(const Value& value) {
  if (value.is_undefined()) return "";
  if (value.is_string()) return value.text();
  return representation(value);
}

std::string escaped(const Value& value) {
  std::string text = to_text(value);
  if (value.is_markup()) return text;
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string representation(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
      return "Undefined";
    case Value::Kind::kNone:
      return "None";
    case Value::Kind::kBool:
      return value.boolean() ? "True" : "False";
    case Value::Kind::kInt:
      return std::to_string(value.integer());
    case Value::Kind::kFloat:
      return python::float_text(value.number());
    case Value::Kind::kString:
      return value.is_markup() ? "Markup(" + python::quoted(value.text()) + ")"
                               : python::quoted(value.text());
    case Value::Kind::kList:
      return "[" + joined_representations(value.items()) + "]";
    case Value::Kind::kTuple:
      return "(" + joined_representations(value.items()) + (value.items().size() == 1 ? ",)" : ")");
    case Value::Kind::kDict: {
      std::string text;
      for (const auto& [key, entry] : value.dict().entries) {
        text += (text.empty() ? "" : ", ") + representation(key) + ": " + representation(entry);
      }
      return "{" + text + "}";
    }
    case Value::Kind::kNamespace: {
      const Value attributes(value.space().attributes);
      return "<Namespace " + representation(attributes) + ">";
    }
    default:
      throw TemplateFailure("a " + std::string(value.type_name()) +
                            " has no text of its own: call or list it");
  }
}

}  // namespace retort::jinja
