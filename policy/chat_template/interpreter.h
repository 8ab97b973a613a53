#pragma once
// Runs a template's tree.
//
// Names are looked up where they are written: in the innermost scope first, then outwards, then
// among the variables of the call, then among the built-in functions. Loops, macros, and the blocks
// call, filter, set, with and generation have scopes of their own, one per iteration or call; if
// has none. What a loop's body sets is gone after the iteration, unless it is an attribute of a
// namespace().
#include "policy/chat_template/ast.h"
#include "policy/chat_template/value.h"
#include "policy/tokenizer/text_range.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort::jinja {

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}

  void set(const std::string& name, Value value);
  const Value* find(std::string_view name) const;  // here or outwards

 private:
  std::shared_ptr<Scope> outer_;
  std::vector<std::pair<std::string, Value>> names_;
};

using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  // `template_body` must outlive the interpreter. `now_unix_s`: the time for strftime_now.
  Interpreter(const Block& template_body, const Dict& variables,
              std::function<int64_t()> now_unix_s);

  // The text; the ranges of {% generation %} blocks are appended to `generation`, in bytes. As in
  // Transformers a range begins at the length of what the template itself has written by then: text
  // that waits in a macro or set block does not count. TemplateFailure, with `line()` where it
  // happened.
  std::string run(std::vector<TextRange>* generation);

  int line() const { return line_; }

  // For functions, filters and tests.
  Value call(const Value& function, const Arguments& arguments);
  Value filter(const std::string& name, const Value& value, const Arguments& arguments);
  bool test(const std::string& name, const Value& value, const Arguments& arguments);
  int64_t now_unix_s() const { return now_unix_s_(); }

 private:
  enum class Flow { kNormal, kBreak, kContinue };
  class CallDepth;
  class EvaluationDepth;
  struct Loop;

  void step(int at_line);

  Flow execute(const Block& block, const ScopePtr& scope, std::string* out);
  Flow execute(const Statement& statement, const ScopePtr& scope, std::string* out);
  void write(std::string_view text, std::string* out) const;
  std::string rendered(const Block& block, const ScopePtr& outer);
  void if_block(const Statement& statement, const ScopePtr& scope, std::string* out, Flow* flow);
  void for_block(const Statement& statement, const ScopePtr& scope, std::string* out);
  void for_items(const Statement& statement, const Value& iterable, int64_t depth,
                 const ScopePtr& scope, std::string* out);
  Value loop_value(const Statement& statement, const std::shared_ptr<Loop>& loop,
                   const ScopePtr& scope);
  void with_block(const Statement& statement, const ScopePtr& scope, std::string* out);
  void generation_block(const Statement& statement, const ScopePtr& scope, std::string* out);
  void assign(const Target& target, const Value& value, const ScopePtr& scope);
  Value procedure_value(const std::shared_ptr<Procedure>& procedure, const ScopePtr& scope);
  Value call_procedure(const Procedure& procedure, const ScopePtr& scope,
                       const Arguments& arguments);

  Value evaluate(const Expression& expression, const ScopePtr& scope);
  Value evaluate_or_none(const ExpressionPtr& expression, const ScopePtr& scope);
  Value name_value(const Expression& expression, const ScopePtr& scope);
  Value dict_value(const Expression& expression, const ScopePtr& scope);
  Value comparison(const Expression& expression, const ScopePtr& scope);
  Value item_value(const Expression& expression, const ScopePtr& scope);
  Value filtered(const Expression& expression, const Value* block_text, const ScopePtr& scope);
  Arguments arguments(const CallArguments& written, const ScopePtr& scope);
  List list_of(const std::vector<ExpressionPtr>& parts, const ScopePtr& scope);

  const Block& body_;
  const Dict& variables_;
  std::function<int64_t()> now_unix_s_;
  std::string root_;  // what the template has written
  std::vector<TextRange>* generation_ = nullptr;
  int line_ = 1;
  int64_t steps_ = 0;
  int call_depth_ = 0;
  int evaluation_depth_ = 0;
};

}  // namespace retort::jinja
