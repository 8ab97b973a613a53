#pragma once
// Values of the template language. They behave as Python's do, because templates are written for
// it: strings are sequences of code points, dictionaries keep their order, 1 == 1.0 == true, "" and
// [] are false.
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace retort::jinja {

class Value;
class Interpreter;

using List = std::vector<Value>;

// What went wrong while a template ran; the interpreter adds the template's line.
class TemplateFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A name or attribute that does not exist. It prints as nothing, is false and empty; anything else
// that is done with it fails with `why`.
struct Undefined {
  std::string why;
};

struct None {};

// Keys in the order in which they came.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;

  const Value* find(const Value& key) const;  // null when it is not there
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);  // replaces the value of an equal key
};

struct Tuple {
  List items;
};

// What filters like map and select give: nothing happens before it is walked, it can be walked
// once, is true and has no length.
struct Generator {
  std::function<List()> produce;  // empty once it has run
  List items;
  size_t next = 0;
  int nesting = 0;  // of what `produce` holds

  void start();
};

// namespace(): attributes that may be set from inside of loops.
struct Namespace {
  Dict attributes;
  int nesting = 1;  // as Value::nesting

  void set(Value name, Value value);
};

// Arguments of a call, as written.
struct Arguments {
  List positional;
  std::vector<std::pair<std::string, Value>> named;

  // The argument at a place or of a name, or null. Fails when it is given twice.
  const Value* get(size_t place, std::string_view name) const;
  // Fails when there are more positional arguments than `count`, or named ones beyond `names`.
  void expect(std::string_view function, size_t count,
              const std::vector<std::string_view>& names) const;
};

// A function, macro, bound method or loop.
struct Callable {
  std::string name;
  std::function<Value(Interpreter&, const Arguments&)> call;
  std::function<Value(std::string_view)> attribute;  // of loops and cyclers; may be empty
  size_t length = 1;                                 // 0 makes it false
  int nesting = 0;                                   // of the values it holds
};

class Value {
 public:
  enum class Kind {
    kUndefined,
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kList,
    kTuple,
    kDict,
    kGenerator,
    kNamespace,
    kCallable,
  };

  Value() : data_(std::make_shared<const Undefined>()) {}
  explicit Value(None) : data_(None()) {}
  explicit Value(bool value) : data_(value) {}
  explicit Value(int64_t value) : data_(value) {}
  explicit Value(double value) : data_(value) {}
  explicit Value(std::string text) : data_(std::make_shared<const std::string>(std::move(text))) {}
  explicit Value(std::string_view text) : Value(std::string(text)) {}
  explicit Value(const char* text) : Value(std::string(text)) {}
  // Those that hold values fail beyond kMaxValueDepth: what is printed, compared and freed walks
  // down into them.
  explicit Value(List items);
  explicit Value(Tuple items);
  explicit Value(Dict dict);
  explicit Value(Generator items);
  explicit Value(std::shared_ptr<Namespace> space);
  explicit Value(Callable function);

  static Value undefined(std::string why);

  // A text that needs no escaping, as the filters safe and escape give it (markupsafe.Markup): text
  // that is added to it is escaped.
  static Value markup(std::string text);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind k) const { return kind() == k; }
  bool is_undefined() const { return is(Kind::kUndefined); }
  bool is_none() const { return is(Kind::kNone); }
  bool is_string() const { return is(Kind::kString); }
  bool is_markup() const { return is_markup_; }
  bool is_number() const { return is(Kind::kBool) || is(Kind::kInt) || is(Kind::kFloat); }
  bool is_integral() const { return is(Kind::kBool) || is(Kind::kInt); }

  // The content; the kind must be right.
  const std::string& why_undefined() const;
  bool boolean() const { return std::get<bool>(data_); }
  int64_t integer() const;  // of a bool too
  double number() const;    // of any number
  const std::string& text() const;
  const List& items() const;  // of a list or tuple
  const Dict& dict() const;
  Generator& generator() const;
  Namespace& space() const;
  const Callable& callable() const;

  // How many values lie inside each other: 0 for what holds none, else one more than the deepest.
  int nesting() const;

  // Whether both are the same object (numbers, booleans and none: the same value).
  bool same_as(const Value& other) const;

  // "list object" and the like, as messages name it; "int" in messages about types.
  std::string_view type_name() const;

 private:
  std::variant<std::shared_ptr<const Undefined>, None, bool, int64_t, double,
               std::shared_ptr<const std::string>, std::shared_ptr<const List>,
               std::shared_ptr<const Tuple>, std::shared_ptr<const Dict>,
               std::shared_ptr<Generator>, std::shared_ptr<Namespace>,
               std::shared_ptr<const Callable>>
      data_;
  bool is_markup_ = false;  // only of strings
  int nesting_ = 0;         // of a namespace in its own
};

// One more than the deepest of the values; fails when that is beyond kMaxValueDepth.
int nesting_around(const List& values);
int nesting_around(const Dict& dict);

// Fails for an undefined value; `use` says what was tried.
void require_defined(const Value& value);

// Fails for what cannot be a key of a dictionary: lists, dictionaries, and tuples with one inside.
void require_hashable(const Value& value);

bool truth(const Value& value);

// ==. Values of different kinds are unequal, but numbers (and booleans) compare by value.
bool equal(const Value& a, const Value& b);

// <. Fails for kinds that have no order between them.
bool less(const Value& a, const Value& b);

// `item in container`.
bool contains(const Value& container, const Value& item);

// len(). Fails for what has none.
int64_t length(const Value& value);

// What a loop walks over: characters, items, keys. Uses up a generator. Fails for what cannot be
// walked.
List iterate(const Value& value);

// & < > ' " as character references; markup stays as it is.
std::string escaped(const Value& value);

// str() and repr().
std::string to_text(const Value& value);
std::string representation(const Value& value);

}  // namespace retort::jinja
