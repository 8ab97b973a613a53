#include "policy/chat_template/functions.h"

#include "policy/chat_template/argument_reader.h"
#include "policy/chat_template/interpreter.h"
#include "policy/chat_template/limits.h"

#include <array>
#include <ctime>
#include <memory>
#include <string>

namespace retort::jinja {
namespace {

using Function = Value (*)(Interpreter&, const Arguments&);

Value range(Interpreter&, const Arguments& arguments) {
  const ArgumentReader read("range", arguments, {"start", "stop", "step"});
  const bool has_start = arguments.positional.size() > 1;
  const int64_t start = has_start ? read.integer(0) : 0;
  const int64_t stop = read.integer(has_start ? 1 : 0);
  const int64_t step = read.integer_or(2, 1);
  if (step == 0) throw TemplateFailure("range() arg 3 must not be zero");
  List numbers;
  for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step) {
    numbers.emplace_back(i);
    if (static_cast<int64_t>(numbers.size()) > kMaxRange) {
      throw TemplateFailure("Range too big. The sandbox blocks ranges larger than " +
                            std::to_string(kMaxRange));
    }
    if (step > 0 ? i > INT64_MAX - step : i < INT64_MIN - step) break;
  }
  return Value(std::move(numbers));
}

// Named arguments, and what dictionaries among the positional ones hold.
Dict collected(const Arguments& arguments) {
  Dict dict;
  for (const Value& each : arguments.positional) {
    if (!each.is(Value::Kind::kDict)) throw TemplateFailure("a dictionary is needed here");
    for (const auto& [key, value] : each.dict().entries) dict.set(key, value);
  }
  for (const auto& [name, value] : arguments.named) dict.set(Value(name), value);
  return dict;
}

Value make_namespace(Interpreter&, const Arguments& arguments) {
  return Value(std::make_shared<Namespace>(Namespace{collected(arguments)}));
}

Value make_dict(Interpreter&, const Arguments& arguments) { return Value(collected(arguments)); }

Value raise_exception(Interpreter&, const Arguments& arguments) {
  const ArgumentReader read("raise_exception", arguments, {"message"});
  throw TemplateFailure("the template says: " + to_text(read.required(0)));
}

Value strftime_now(Interpreter& self, const Arguments& arguments) {
  const ArgumentReader read("strftime_now", arguments, {"format"});
  const std::string& format = read.text(0);
  if (format.empty()) return Value("");
  const std::time_t now = self.now_unix_s();
  std::tm local{};
  localtime_r(&now, &local);
  std::string text(format.size() * 64 + 256, '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &local));
  return Value(std::move(text));
}

// Walks in circles over its items.
Value cycler(Interpreter&, const Arguments& arguments) {
  if (arguments.positional.empty()) throw TemplateFailure("at least one item has to be provided");
  const auto state = std::make_shared<std::pair<List, size_t>>(arguments.positional, 0);
  Callable made;
  made.name = "cycler";
  made.nesting = nesting_around(state->first);
  made.attribute = [state](std::string_view name) {
    if (name == "current") return state->first[state->second];
    Callable method;
    method.name = name;
    if (name == "next") {
      method.call = [state](Interpreter&, const Arguments&) {
        const Value current = state->first[state->second];
        state->second = (state->second + 1) % state->first.size();
        return current;
      };
      return Value(std::move(method));
    }
    if (name == "reset") {
      method.call = [state](Interpreter&, const Arguments&) {
        state->second = 0;
        return Value(None());
      };
      return Value(std::move(method));
    }
    return Value();
  };
  return Value(std::move(made));
}

// Nothing when it is called for the first time, then the separator.
Value joiner(Interpreter&, const Arguments& arguments) {
  const ArgumentReader read("joiner", arguments, {"sep"});
  const auto was_used = std::make_shared<bool>(false);
  Callable made;
  made.name = "joiner";
  made.call = [was_used, separator = read.text_or(0, ", ")](Interpreter&, const Arguments&) {
    return Value(std::exchange(*was_used, true) ? separator : "");
  };
  return Value(std::move(made));
}

struct Row {
  std::string_view name;
  Function function;
};

constexpr std::array<Row, 7> kFunctions = {{{"cycler", cycler},
                                            {"dict", make_dict},
                                            {"joiner", joiner},
                                            {"namespace", make_namespace},
                                            {"raise_exception", raise_exception},
                                            {"range", range},
                                            {"strftime_now", strftime_now}}};

}  // namespace

Value built_in_function(std::string_view name) {
  for (const Row& row : kFunctions) {
    if (row.name != name) continue;
    Callable made;
    made.name = name;
    made.call = row.function;
    return Value(std::move(made));
  }
  return Value::undefined("'" + std::string(name) + "' is undefined");
}

}  // namespace retort::jinja
