// Expressions: the other half of the interpreter.
#include "policy/chat_template/filters.h"
#include "policy/chat_template/functions.h"
#include "policy/chat_template/interpreter.h"
#include "policy/chat_template/limits.h"
#include "policy/chat_template/operators.h"
#include "policy/chat_template/predicates.h"

#include <algorithm>
#include <utility>

namespace retort::jinja {

using Kind = Expression::Kind;

// Counts how deep expressions are inside each other: what bounds the stack.
class Interpreter::EvaluationDepth {
 public:
  explicit EvaluationDepth(Interpreter* interpreter) : interpreter_(*interpreter) {
    if (++interpreter_.evaluation_depth_ > kMaxEvaluationDepth) {
      --interpreter_.evaluation_depth_;
      throw TemplateFailure("expressions are too deep inside each other");
    }
  }
  ~EvaluationDepth() { --interpreter_.evaluation_depth_; }
  EvaluationDepth(const EvaluationDepth&) = delete;
  EvaluationDepth& operator=(const EvaluationDepth&) = delete;

 private:
  Interpreter& interpreter_;
};

Value Interpreter::evaluate(const Expression& expression, const ScopePtr& scope) {
  const EvaluationDepth depth(this);
  step(expression.line);
  const auto part = [&](size_t i) { return evaluate(*expression.parts[i], scope); };
  switch (expression.kind) {
    case Kind::kConstant:
      return expression.constant;
    case Kind::kName:
      return name_value(expression, scope);
    case Kind::kList:
      return Value(list_of(expression.parts, scope));
    case Kind::kTuple:
      return Value(Tuple{list_of(expression.parts, scope)});
    case Kind::kDict:
      return dict_value(expression, scope);
    case Kind::kNegative:
      return negative(part(0));
    case Kind::kPositive:
      return positive(part(0));
    case Kind::kNot:
      return Value(!truth(part(0)));
    case Kind::kAnd: {
      Value left = part(0);
      return truth(left) ? part(1) : left;
    }
    case Kind::kOr: {
      Value left = part(0);
      return truth(left) ? left : part(1);
    }
    case Kind::kBinary: {
      const Value left = part(0);
      return arithmetic(expression.name, left, part(1));
    }
    case Kind::kConcat: {
      std::string text;
      for (const ExpressionPtr& piece : expression.parts) {
        text += to_text(evaluate(*piece, scope));
        check_text_size(text.size());
      }
      return Value(std::move(text));
    }
    case Kind::kCompare:
      return comparison(expression, scope);
    case Kind::kCondition:
      if (truth(part(1))) return part(0);
      if (expression.parts[2]) return part(2);
      return Value::undefined("an if expression has no else part for this case");
    case Kind::kAttribute:
      return attribute(part(0), expression.name);
    case Kind::kItem:
      return item_value(expression, scope);
    case Kind::kSlice:
      throw TemplateFailure("a slice among several keys is not supported");
    case Kind::kCall: {
      const Value function = part(0);
      const Arguments given = arguments(expression.arguments, scope);
      line_ = expression.line;
      return call(function, given);
    }
    case Kind::kFilter:
      return filtered(expression, nullptr, scope);
    case Kind::kTest: {
      const Value value = part(0);
      return Value(test(expression.name, value, arguments(expression.arguments, scope)));
    }
  }
  return Value();
}

Value Interpreter::evaluate_or_none(const ExpressionPtr& expression, const ScopePtr& scope) {
  return expression ? evaluate(*expression, scope) : Value(None());
}

Value Interpreter::name_value(const Expression& expression, const ScopePtr& scope) {
  if (const Value* found = scope->find(expression.name)) return *found;
  if (const Value* found = variables_.find(expression.name)) return *found;
  return built_in_function(expression.name);
}

Value Interpreter::dict_value(const Expression& expression, const ScopePtr& scope) {
  Dict dict;
  for (size_t i = 0; i + 1 < expression.parts.size(); i += 2) {
    Value key = evaluate(*expression.parts[i], scope);
    require_hashable(key);
    dict.set(std::move(key), evaluate(*expression.parts[i + 1], scope));
  }
  return Value(std::move(dict));
}

Value Interpreter::comparison(const Expression& expression, const ScopePtr& scope) {
  Value left = evaluate(*expression.parts[0], scope);
  for (size_t i = 0; i < expression.operators.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1], scope);
    if (!compare(expression.operators[i], left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::item_value(const Expression& expression, const ScopePtr& scope) {
  const Value value = evaluate(*expression.parts[0], scope);
  const Expression& key = *expression.parts[1];
  if (key.kind != Kind::kSlice) return item(value, evaluate(key, scope));
  const Value from = evaluate_or_none(key.parts[0], scope);
  const Value to = evaluate_or_none(key.parts[1], scope);
  return slice(value, from, to, evaluate_or_none(key.parts[2], scope));
}

// `block_text`: what the innermost filter of a block works on.
Value Interpreter::filtered(const Expression& expression, const Value* block_text,
                            const ScopePtr& scope) {
  const EvaluationDepth depth(this);
  Value value;
  if (!expression.parts[0]) {
    value = *block_text;
  } else if (expression.parts[0]->kind == Kind::kFilter) {
    value = filtered(*expression.parts[0], block_text, scope);
  } else {
    value = evaluate(*expression.parts[0], scope);
  }
  const Arguments given = arguments(expression.arguments, scope);
  step(expression.line);
  return filter(expression.name, value, given);
}

Arguments Interpreter::arguments(const CallArguments& written, const ScopePtr& scope) {
  Arguments made;
  made.positional = list_of(written.positional, scope);
  for (const auto& [name, value] : written.named) {
    made.named.emplace_back(name, evaluate(*value, scope));
  }
  if (written.more_positional) {
    const List more = iterate(evaluate(*written.more_positional, scope));
    made.positional.insert(made.positional.end(), more.begin(), more.end());
  }
  if (written.more_named) {
    const Value more = evaluate(*written.more_named, scope);
    if (!more.is(Value::Kind::kDict)) throw TemplateFailure("** in a call needs a dictionary");
    for (const auto& [name, value] : more.dict().entries) {
      if (!name.is_string()) throw TemplateFailure("keywords must be strings");
      made.named.emplace_back(name.text(), value);
    }
  }
  return made;
}

List Interpreter::list_of(const std::vector<ExpressionPtr>& parts, const ScopePtr& scope) {
  List items;
  items.reserve(parts.size());
  for (const ExpressionPtr& part : parts) items.push_back(evaluate(*part, scope));
  return items;
}

Value Interpreter::call(const Value& function, const Arguments& arguments) {
  require_defined(function);
  if (!function.is(Value::Kind::kCallable) || !function.callable().call) {
    throw TemplateFailure("'" + std::string(function.type_name()) + "' object is not callable");
  }
  return function.callable().call(*this, arguments);
}

Value Interpreter::filter(const std::string& name, const Value& value, const Arguments& arguments) {
  return filter_called(name)(*this, value, arguments);
}

bool Interpreter::test(const std::string& name, const Value& value, const Arguments& arguments) {
  return predicate_called(name)(value, arguments);
}

}  // namespace retort::jinja
