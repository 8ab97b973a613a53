#pragma once
// A template as a tree.
#include "policy/chat_template/value.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retort::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Block = std::vector<Statement>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional;  // *x, or null
  ExpressionPtr more_named;       // **x, or null
};

struct Expression {
  enum class Kind {
    kConstant,   // constant
    kName,       // name
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value, …
    kNegative,   // parts[0]
    kPositive,   // parts[0]
    kNot,        // parts[0]
    kAnd,        // parts[0], parts[1]
    kOr,         // parts[0], parts[1]
    kBinary,     // name: + - * / // % **; parts[0], parts[1]
    kConcat,     // parts, joined as texts
    kCompare,    // parts, between them `operators`: == != < <= > >= in notin
    kCondition,  // parts[0] if parts[1] else parts[2], which may be null
    kAttribute,  // parts[0].name
    kItem,       // parts[0][parts[1]]
    kSlice,      // parts: from, to, step, each may be null; only inside of kItem
    kCall,       // parts[0](arguments)
    kFilter,     // parts[0]|name(arguments); parts[0] is null in a filter block
    kTest,       // parts[0] is name(arguments)
  };

  Kind kind;
  int line;
  std::string name;
  Value constant;
  std::vector<ExpressionPtr> parts;
  std::vector<std::string> operators;
  CallArguments arguments;
};

// What a value is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name;
  std::string attribute;      // "": the name itself
  std::vector<Target> parts;  // not empty: a tuple of targets
};

struct Parameter {
  std::string name;
  ExpressionPtr fallback;  // or null
};

// The body of a macro or call block.
struct Procedure {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct Branch {
  ExpressionPtr condition;
  Block body;
};

struct Statement {
  enum class Kind {
    kText,    // text
    kOutput,  // value
    kIf,      // branches, otherwise
    kFor,     // target in value [if condition]: body, otherwise
    kBreak,
    kContinue,
    kSet,          // target = value
    kSetBlock,     // target = body, through the filters in value (or null)
    kWith,         // assignments, body
    kMacro,        // procedure
    kCallBlock,    // value, a call that gets procedure as `caller`
    kFilterBlock,  // body through value
    kGeneration,   // body, whose text is the assistant's
  };

  Kind kind;
  int line;
  std::string text;
  ExpressionPtr value;
  ExpressionPtr condition;
  Target target;
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  std::vector<Branch> branches;
  Block body;
  Block otherwise;
  bool is_recursive = false;
  std::shared_ptr<Procedure> procedure;
};

}  // namespace retort::jinja
