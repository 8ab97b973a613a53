#include "policy/chat_template/interpreter.h"

#include "policy/chat_template/limits.h"

#include <algorithm>
#include <optional>

namespace retort::jinja {

using Kind = Statement::Kind;

// Counts how deep macros and loops are inside each other.
class Interpreter::CallDepth {
 public:
  explicit CallDepth(Interpreter* interpreter) : interpreter_(*interpreter) {
    if (++interpreter_.call_depth_ > kMaxCallDepth) {
      --interpreter_.call_depth_;
      throw TemplateFailure("macros or loops run too deep inside each other");
    }
  }
  ~CallDepth() { --interpreter_.call_depth_; }
  CallDepth(const CallDepth&) = delete;
  CallDepth& operator=(const CallDepth&) = delete;

 private:
  Interpreter& interpreter_;
};

// Where a loop is.
struct Interpreter::Loop {
  List items;
  size_t index = 0;
  int64_t depth = 0;
  std::optional<List> last_changed;
};

void Scope::set(const std::string& name, Value value) {
  for (auto& [known, old] : names_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  names_.emplace_back(name, std::move(value));
}

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get()) {
    for (const auto& [known, value] : scope->names_) {
      if (known == name) return &value;
    }
  }
  return nullptr;
}

Interpreter::Interpreter(const Block& template_body, const Dict& variables,
                         std::function<int64_t()> now_unix_s)
    : body_(template_body), variables_(variables), now_unix_s_(std::move(now_unix_s)) {}

std::string Interpreter::run(std::vector<TextRange>* generation) {
  generation_ = generation;
  root_.clear();
  execute(body_, std::make_shared<Scope>(nullptr), &root_);
  return root_;
}

void Interpreter::step(int at_line) {
  line_ = at_line;
  if (++steps_ > kMaxSteps) throw TemplateFailure("it runs for more than 5 million steps");
}

void Interpreter::write(std::string_view text, std::string* out) const {
  check_text_size(out->size() + text.size());
  out->append(text);
}

Interpreter::Flow Interpreter::execute(const Block& block, const ScopePtr& scope,
                                       std::string* out) {
  for (const Statement& statement : block) {
    const Flow flow = execute(statement, scope, out);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement& statement, const ScopePtr& scope,
                                       std::string* out) {
  step(statement.line);
  Flow flow = Flow::kNormal;
  switch (statement.kind) {
    case Kind::kText:
      write(statement.text, out);
      break;
    case Kind::kOutput:
      write(to_text(evaluate(*statement.value, scope)), out);
      break;
    case Kind::kIf:
      if_block(statement, scope, out, &flow);
      break;
    case Kind::kFor:
      for_block(statement, scope, out);
      break;
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
    case Kind::kSet:
      assign(statement.target, evaluate(*statement.value, scope), scope);
      break;
    case Kind::kSetBlock: {
      Value text(rendered(statement.body, scope));
      if (statement.value) text = filtered(*statement.value, &text, scope);
      assign(statement.target, text, scope);
      break;
    }
    case Kind::kWith:
      with_block(statement, scope, out);
      break;
    case Kind::kMacro:
      scope->set(statement.procedure->name, procedure_value(statement.procedure, scope));
      break;
    case Kind::kCallBlock: {
      const Expression& called = *statement.value;
      Arguments given = arguments(called.arguments, scope);
      given.named.emplace_back("caller", procedure_value(statement.procedure, scope));
      const Value function = evaluate(*called.parts[0], scope);
      write(to_text(call(function, given)), out);
      break;
    }
    case Kind::kFilterBlock: {
      const Value text(rendered(statement.body, scope));
      write(to_text(filtered(*statement.value, &text, scope)), out);
      break;
    }
    case Kind::kGeneration:
      generation_block(statement, scope, out);
      break;
  }
  return flow;
}

std::string Interpreter::rendered(const Block& block, const ScopePtr& outer) {
  std::string text;
  execute(block, std::make_shared<Scope>(outer), &text);
  return text;
}

void Interpreter::if_block(const Statement& statement, const ScopePtr& scope, std::string* out,
                           Flow* flow) {
  for (const Branch& branch : statement.branches) {
    if (truth(evaluate(*branch.condition, scope))) {
      *flow = execute(branch.body, scope, out);
      return;
    }
  }
  *flow = execute(statement.otherwise, scope, out);
}

void Interpreter::for_block(const Statement& statement, const ScopePtr& scope, std::string* out) {
  for_items(statement, evaluate(*statement.value, scope), 0, scope, out);
}

void Interpreter::for_items(const Statement& statement, const Value& iterable, int64_t depth,
                            const ScopePtr& scope, std::string* out) {
  const CallDepth call_depth(this);
  const auto loop = std::make_shared<Loop>();
  loop->depth = depth;
  loop->items = iterate(iterable);
  if (statement.condition) {
    List kept;
    for (const Value& item : loop->items) {
      const auto inner = std::make_shared<Scope>(scope);
      assign(statement.target, item, inner);
      if (truth(evaluate(*statement.condition, inner))) kept.push_back(item);
    }
    loop->items = std::move(kept);
  }
  if (loop->items.empty()) {
    execute(statement.otherwise, std::make_shared<Scope>(scope), out);
    return;
  }
  const Value loop_object = loop_value(statement, loop, scope);
  for (; loop->index < loop->items.size(); ++loop->index) {
    step(statement.line);
    const auto inner = std::make_shared<Scope>(scope);
    inner->set("loop", loop_object);
    assign(statement.target, loop->items[loop->index], inner);
    if (execute(statement.body, inner, out) == Flow::kBreak) break;
  }
}

Value Interpreter::loop_value(const Statement& statement, const std::shared_ptr<Loop>& loop,
                              const ScopePtr& scope) {
  Callable made;
  made.name = "loop";
  made.length = loop->items.size();
  // Not owning: a scope that held the loop's value, which held the scope, would never end.
  const std::weak_ptr<Scope> weak_scope = scope;
  made.call = [&statement, loop, weak_scope](Interpreter& self, const Arguments& given) {
    if (!statement.is_recursive) {
      throw TemplateFailure("the loop must be marked 'recursive' to be called");
    }
    given.expect("loop", 1, {});
    if (given.positional.empty()) throw TemplateFailure("loop() needs what to walk over");
    std::string text;
    self.for_items(statement, given.positional[0], loop->depth + 1, weak_scope.lock(), &text);
    return Value(std::move(text));
  };
  made.attribute = [loop](std::string_view name) {
    const auto index = static_cast<int64_t>(loop->index);
    const auto size = static_cast<int64_t>(loop->items.size());
    if (name == "index") return Value(index + 1);
    if (name == "index0") return Value(index);
    if (name == "revindex") return Value(size - index);
    if (name == "revindex0") return Value(size - index - 1);
    if (name == "first") return Value(index == 0);
    if (name == "last") return Value(index + 1 == size);
    if (name == "length") return Value(size);
    if (name == "depth") return Value(loop->depth + 1);
    if (name == "depth0") return Value(loop->depth);
    if (name == "previtem" && index > 0) return loop->items[loop->index - 1];
    if (name == "nextitem" && index + 1 < size) return loop->items[loop->index + 1];
    Callable method;
    method.name = name;
    if (name == "cycle") {
      method.call = [loop](Interpreter&, const Arguments& given) {
        if (given.positional.empty()) throw TemplateFailure("loop.cycle() needs items");
        return given.positional[loop->index % given.positional.size()];
      };
      return Value(std::move(method));
    }
    if (name == "changed") {
      method.call = [loop](Interpreter&, const Arguments& given) {
        const bool is_same =
            loop->last_changed && std::ranges::equal(*loop->last_changed, given.positional, equal);
        loop->last_changed = given.positional;
        return Value(!is_same);
      };
      return Value(std::move(method));
    }
    return Value();
  };
  return Value(std::move(made));
}

void Interpreter::with_block(const Statement& statement, const ScopePtr& scope, std::string* out) {
  const auto inner = std::make_shared<Scope>(scope);
  for (const auto& [target, value] : statement.assignments) {
    assign(target, evaluate(*value, scope), inner);
  }
  execute(statement.body, inner, out);
}

void Interpreter::generation_block(const Statement& statement, const ScopePtr& scope,
                                   std::string* out) {
  const std::string text = rendered(statement.body, scope);
  generation_->push_back({root_.size(), root_.size() + text.size()});
  write(text, out);
}

void Interpreter::assign(const Target& target, const Value& value, const ScopePtr& scope) {
  if (!target.parts.empty()) {
    const List items = iterate(value);
    if (items.size() != target.parts.size()) {
      throw TemplateFailure("expected " + std::to_string(target.parts.size()) +
                            " values to unpack, got " + std::to_string(items.size()));
    }
    for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i], scope);
    return;
  }
  if (target.attribute.empty()) {
    scope->set(target.name, value);
    return;
  }
  const Value* space = scope->find(target.name);
  if (space == nullptr || !space->is(Value::Kind::kNamespace)) {
    throw TemplateFailure("cannot assign attribute on non-namespace object '" + target.name + "'");
  }
  space->space().set(Value(target.attribute), value);
}

Value Interpreter::procedure_value(const std::shared_ptr<Procedure>& procedure,
                                   const ScopePtr& scope) {
  Callable made;
  made.name = procedure->name;
  // Not owning, as in loop_value: a macro is called while the scope that defines it lives, since
  // nothing carries it out of there but namespaces, which then say so.
  const std::weak_ptr<Scope> weak_scope = scope;
  made.call = [procedure, weak_scope](Interpreter& self, const Arguments& given) {
    const ScopePtr home = weak_scope.lock();
    if (!home) throw TemplateFailure("macro '" + procedure->name + "' has outlived its block");
    return self.call_procedure(*procedure, home, given);
  };
  return Value(std::move(made));
}

Value Interpreter::call_procedure(const Procedure& procedure, const ScopePtr& scope,
                                  const Arguments& arguments) {
  const CallDepth call_depth(this);
  const int caller_line = line_;
  const auto inner = std::make_shared<Scope>(scope);
  const size_t count = procedure.parameters.size();
  std::vector<bool> is_used(arguments.named.size());
  const auto take_named = [&](const std::string& name) -> const Value* {
    for (size_t i = 0; i < arguments.named.size(); ++i) {
      if (is_used[i] || arguments.named[i].first != name) continue;
      is_used[i] = true;
      return &arguments.named[i].second;
    }
    return nullptr;
  };
  bool has_caller = false;
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = procedure.parameters[i];
    has_caller = has_caller || parameter.name == "caller";
    const Value* given =
        i < arguments.positional.size() ? &arguments.positional[i] : take_named(parameter.name);
    if (given != nullptr) {
      inner->set(parameter.name, *given);
    } else if (parameter.fallback) {
      inner->set(parameter.name, evaluate(*parameter.fallback, inner));
    } else {
      inner->set(parameter.name,
                 Value::undefined("parameter '" + parameter.name + "' was not provided"));
    }
  }
  if (procedure.uses_caller && !has_caller) {
    const Value* caller = take_named("caller");
    inner->set("caller", caller != nullptr ? *caller : Value::undefined("No caller defined"));
  }
  Dict rest;
  for (size_t i = 0; i < arguments.named.size(); ++i) {
    if (!is_used[i]) rest.set(Value(arguments.named[i].first), arguments.named[i].second);
  }
  if (procedure.uses_kwargs) {
    inner->set("kwargs", Value(std::move(rest)));
  } else if (!rest.entries.empty()) {
    throw TemplateFailure("macro '" + procedure.name + "' takes no keyword argument '" +
                          rest.entries[0].first.text() + "'");
  }
  if (procedure.uses_varargs) {
    List more;
    for (size_t i = count; i < arguments.positional.size(); ++i) {
      more.push_back(arguments.positional[i]);
    }
    inner->set("varargs", Value(Tuple{std::move(more)}));
  } else if (arguments.positional.size() > count) {
    throw TemplateFailure("macro '" + procedure.name + "' takes not more than " +
                          std::to_string(count) + " argument(s)");
  }
  std::string text;
  execute(procedure.body, inner, &text);
  line_ = caller_line;
  return Value(std::move(text));
}

}  // namespace retort::jinja
