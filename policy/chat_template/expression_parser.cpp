#include "policy/chat_template/expression_parser.h"

#include <utility>

namespace retort::jinja {
namespace {

constexpr int kMaxDepth = 200;   // brackets and operators inside each other
constexpr int kMaxLinks = 4000;  // operators, filters and attributes of one expression

using Kind = Expression::Kind;

}  // namespace

// Counts how deep the parser has called itself.
class ExpressionParser::Depth {
 public:
  explicit Depth(ExpressionParser* parser) : parser_(*parser) {
    if (parser_.depth_ == 0) parser_.links_ = 0;
    if (++parser_.depth_ > kMaxDepth) parser_.tokens_.fail("an expression is nested too deeply");
  }
  ~Depth() { --parser_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  ExpressionParser& parser_;
};

ExpressionPtr ExpressionParser::make(Kind kind, int line) {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->line = line;
  return made;
}

ExpressionPtr ExpressionParser::binary(Kind kind, int line, ExpressionPtr left,
                                       ExpressionPtr right) {
  link();
  ExpressionPtr made = make(kind, line);
  made->parts.push_back(std::move(left));
  made->parts.push_back(std::move(right));
  return made;
}

// Counts what hangs on what without brackets: `a + b + c`, `a.b.c`, `a | f | g`.
void ExpressionParser::link() {
  if (++links_ > kMaxLinks) tokens_.fail("an expression is too long");
}

ExpressionPtr ExpressionParser::expression(bool with_condition) {
  const Depth depth(this);
  return with_condition ? condition() : or_chain();
}

bool ExpressionParser::ends_tuple(std::string_view end) const {
  const Token& token = tokens_.current();
  return token.kind == Token::Kind::kClose || token.kind == Token::Kind::kPrintEnd ||
         token.is_operator(")") || (!end.empty() && token.is_name(end));
}

ExpressionPtr ExpressionParser::tuple(bool with_condition, std::string_view end,
                                      bool may_be_empty) {
  ExpressionPtr made = make(Kind::kTuple, tokens_.current().line);
  bool has_comma = false;
  while (!ends_tuple(end)) {
    made->parts.push_back(expression(with_condition));
    if (!tokens_.skip_operator(",")) break;
    has_comma = true;
  }
  if (has_comma) return made;
  if (made->parts.size() == 1) return std::move(made->parts[0]);
  if (!may_be_empty) tokens_.fail("expected an expression");
  return made;
}

Target ExpressionParser::single_target(bool with_attribute) {
  Target made;
  if (tokens_.skip_operator("(")) {
    made = target(")", with_attribute);
    tokens_.expect_operator(")");
    return made;
  }
  made.name = tokens_.expect(Token::Kind::kName, "a name to assign to").text;
  for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
    if (made.name == constant) tokens_.fail("cannot assign to " + made.name);
  }
  if (with_attribute && tokens_.skip_operator(".")) {
    made.attribute = tokens_.expect(Token::Kind::kName, "an attribute's name").text;
  }
  return made;
}

Target ExpressionParser::target(std::string_view end, bool with_attribute) {
  Target first = single_target(with_attribute);
  if (!tokens_.at_operator(",")) return first;
  Target made;
  made.parts.push_back(std::move(first));
  while (tokens_.skip_operator(",")) {
    if (ends_tuple(end) || tokens_.at_operator("=")) break;
    made.parts.push_back(single_target(with_attribute));
  }
  return made;
}

ExpressionPtr ExpressionParser::condition() {
  int line = tokens_.current().line;
  ExpressionPtr value = or_chain();
  while (tokens_.skip_name("if")) {
    link();
    ExpressionPtr made = make(Kind::kCondition, line);
    made->parts.push_back(std::move(value));
    made->parts.push_back(or_chain());
    made->parts.push_back(tokens_.skip_name("else") ? expression() : nullptr);
    value = std::move(made);
    line = tokens_.current().line;
  }
  return value;
}

ExpressionPtr ExpressionParser::or_chain() {
  const int line = tokens_.current().line;
  ExpressionPtr left = and_chain();
  while (tokens_.skip_name("or")) left = binary(Kind::kOr, line, std::move(left), and_chain());
  return left;
}

ExpressionPtr ExpressionParser::and_chain() {
  const int line = tokens_.current().line;
  ExpressionPtr left = not_chain();
  while (tokens_.skip_name("and")) left = binary(Kind::kAnd, line, std::move(left), not_chain());
  return left;
}

ExpressionPtr ExpressionParser::not_chain() {
  const Depth depth(this);
  const int line = tokens_.current().line;
  if (!tokens_.skip_name("not")) return comparison();
  ExpressionPtr made = make(Kind::kNot, line);
  made->parts.push_back(not_chain());
  return made;
}

ExpressionPtr ExpressionParser::comparison() {
  ExpressionPtr made = make(Kind::kCompare, tokens_.current().line);
  made->parts.push_back(sum());
  while (true) {
    const Token& token = tokens_.current();
    std::string symbol;
    for (const char* known : {"==", "!=", "<", "<=", ">", ">="}) {
      if (token.is_operator(known)) symbol = known;
    }
    if (!symbol.empty()) {
      tokens_.next();
    } else if (tokens_.skip_name("in")) {
      symbol = "in";
    } else if (token.is_name("not") && tokens_.look().is_name("in")) {
      tokens_.next();
      tokens_.next();
      symbol = "notin";
    } else {
      break;
    }
    made->operators.push_back(symbol);
    made->parts.push_back(sum());
  }
  return made->operators.empty() ? std::move(made->parts[0]) : std::move(made);
}

ExpressionPtr ExpressionParser::sum() {
  const int line = tokens_.current().line;
  ExpressionPtr left = concatenation();
  while (tokens_.at_operator("+") || tokens_.at_operator("-")) {
    const std::string symbol = tokens_.next().text;
    left = binary(Kind::kBinary, line, std::move(left), concatenation());
    left->name = symbol;
  }
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  ExpressionPtr made = make(Kind::kConcat, tokens_.current().line);
  made->parts.push_back(product());
  while (tokens_.skip_operator("~")) made->parts.push_back(product());
  return made->parts.size() == 1 ? std::move(made->parts[0]) : std::move(made);
}

ExpressionPtr ExpressionParser::product() {
  const int line = tokens_.current().line;
  ExpressionPtr left = power();
  while (tokens_.at_operator("*") || tokens_.at_operator("/") || tokens_.at_operator("//") ||
         tokens_.at_operator("%")) {
    const std::string symbol = tokens_.next().text;
    left = binary(Kind::kBinary, line, std::move(left), power());
    left->name = symbol;
  }
  return left;
}

ExpressionPtr ExpressionParser::power() {
  const int line = tokens_.current().line;
  ExpressionPtr left = unary(true);
  while (tokens_.skip_operator("**")) {
    left = binary(Kind::kBinary, line, std::move(left), unary(true));
    left->name = "**";
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Depth depth(this);
  const int line = tokens_.current().line;
  ExpressionPtr value;
  if (tokens_.at_operator("-") || tokens_.at_operator("+")) {
    const bool is_negative = tokens_.next().text == "-";
    value = make(is_negative ? Kind::kNegative : Kind::kPositive, line);
    value->parts.push_back(unary(false));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::primary() {
  const Token& token = tokens_.current();
  ExpressionPtr made = make(Kind::kConstant, token.line);
  switch (token.kind) {
    case Token::Kind::kName:
      tokens_.next();
      if (token.text == "true" || token.text == "True") {
        made->constant = Value(true);
      } else if (token.text == "false" || token.text == "False") {
        made->constant = Value(false);
      } else if (token.text == "none" || token.text == "None") {
        made->constant = Value(None());
      } else {
        made->kind = Kind::kName;
        made->name = token.text;
        names.insert(token.text);
      }
      return made;
    case Token::Kind::kString: {
      std::string text;
      while (tokens_.current().kind == Token::Kind::kString) text += tokens_.next().text;
      made->constant = Value(std::move(text));
      return made;
    }
    case Token::Kind::kInteger:
      made->constant = Value(tokens_.next().integer);
      return made;
    case Token::Kind::kFloat:
      made->constant = Value(tokens_.next().number);
      return made;
    default:
      break;
  }
  if (tokens_.at_operator("[")) return list();
  if (tokens_.at_operator("{")) return dictionary();
  if (!tokens_.skip_operator("(")) tokens_.fail("expected an expression");
  made = tuple(true, "", true);
  tokens_.expect_operator(")");
  return made;
}

ExpressionPtr ExpressionParser::list() {
  ExpressionPtr made = make(Kind::kList, tokens_.current().line);
  tokens_.expect_operator("[");
  while (!tokens_.at_operator("]")) {
    made->parts.push_back(expression());
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator("]");
  return made;
}

ExpressionPtr ExpressionParser::dictionary() {
  ExpressionPtr made = make(Kind::kDict, tokens_.current().line);
  tokens_.expect_operator("{");
  while (!tokens_.at_operator("}")) {
    made->parts.push_back(expression());
    tokens_.expect_operator(":");
    made->parts.push_back(expression());
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator("}");
  return made;
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  while (true) {
    if (tokens_.at_operator(".") || tokens_.at_operator("[")) {
      value = subscript(std::move(value));
    } else if (tokens_.at_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  const int line = tokens_.current().line;
  if (tokens_.skip_operator(".")) {
    link();
    const Token& token = tokens_.next();
    if (token.kind == Token::Kind::kName) {
      ExpressionPtr made = make(Kind::kAttribute, line);
      made->name = token.text;
      made->parts.push_back(std::move(value));
      return made;
    }
    if (token.kind != Token::Kind::kInteger) tokens_.fail("expected a name or number after '.'");
    ExpressionPtr index = make(Kind::kConstant, line);
    index->constant = Value(token.integer);
    return binary(Kind::kItem, line, std::move(value), std::move(index));
  }
  tokens_.expect_operator("[");
  ExpressionPtr keys = make(Kind::kTuple, line);
  while (!tokens_.at_operator("]")) {
    keys->parts.push_back(subscribed());
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator("]");
  ExpressionPtr key = keys->parts.size() == 1 ? std::move(keys->parts[0]) : std::move(keys);
  return binary(Kind::kItem, line, std::move(value), std::move(key));
}

// A key or from:to:step.
ExpressionPtr ExpressionParser::subscribed() {
  const int line = tokens_.current().line;
  ExpressionPtr from;
  if (!tokens_.at_operator(":")) {
    from = expression();
    if (!tokens_.at_operator(":")) return from;
  }
  tokens_.expect_operator(":");
  const auto at_end = [&] { return tokens_.at_operator("]") || tokens_.at_operator(","); };
  ExpressionPtr made = make(Kind::kSlice, line);
  made->parts.push_back(std::move(from));
  made->parts.push_back(tokens_.at_operator(":") || at_end() ? nullptr : expression());
  const bool has_step = tokens_.skip_operator(":") && !at_end();
  made->parts.push_back(has_step ? expression() : nullptr);
  return made;
}

CallArguments ExpressionParser::arguments() {
  CallArguments made;
  tokens_.expect_operator("(");
  while (!tokens_.at_operator(")")) {
    if (tokens_.skip_operator("*")) {
      if (made.more_positional || made.more_named) tokens_.fail("a second * in a call");
      made.more_positional = expression();
    } else if (tokens_.skip_operator("**")) {
      if (made.more_named) tokens_.fail("a second ** in a call");
      made.more_named = expression();
    } else if (tokens_.current().kind == Token::Kind::kName && tokens_.look().is_operator("=")) {
      std::string name = tokens_.next().text;
      tokens_.next();
      made.named.emplace_back(std::move(name), expression());
    } else {
      if (!made.named.empty() || made.more_positional || made.more_named) {
        tokens_.fail("a positional argument follows a named one");
      }
      made.positional.push_back(expression());
    }
    if (!tokens_.skip_operator(",")) break;
  }
  tokens_.expect_operator(")");
  return made;
}

ExpressionPtr ExpressionParser::call(ExpressionPtr function) {
  link();
  ExpressionPtr made = make(Kind::kCall, tokens_.current().line);
  made->arguments = arguments();
  made->parts.push_back(std::move(function));
  return made;
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr value) {
  while (true) {
    if (tokens_.at_operator("|")) {
      value = filters(std::move(value), false);
    } else if (tokens_.at_name("is")) {
      value = test(std::move(value));
    } else if (tokens_.at_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

std::string ExpressionParser::dotted_name(std::string_view what) {
  std::string name = tokens_.expect(Token::Kind::kName, what).text;
  while (tokens_.skip_operator(".")) {
    name += "." + tokens_.expect(Token::Kind::kName, what).text;
  }
  return name;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr value, bool starts_inline) {
  while (starts_inline || tokens_.skip_operator("|")) {
    starts_inline = false;
    link();
    ExpressionPtr made = make(Kind::kFilter, tokens_.current().line);
    made->name = dotted_name("a filter's name");
    if (tokens_.at_operator("(")) made->arguments = arguments();
    made->parts.push_back(std::move(value));
    value = std::move(made);
  }
  return value;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  link();
  ExpressionPtr made = make(Kind::kTest, tokens_.current().line);
  tokens_.expect_name("is");
  const bool is_negated = tokens_.skip_name("not");
  made->name = dotted_name("a test's name");
  const Token& token = tokens_.current();
  const bool is_word = token.kind == Token::Kind::kName && token.text != "else" &&
                       token.text != "or" && token.text != "and";
  const bool starts_argument =
      is_word || token.kind == Token::Kind::kString || token.kind == Token::Kind::kInteger ||
      token.kind == Token::Kind::kFloat || token.is_operator("[") || token.is_operator("{");
  if (token.is_operator("(")) {
    made->arguments = arguments();
  } else if (starts_argument) {
    if (token.is_name("is")) tokens_.fail("tests cannot be chained with 'is'");
    made->arguments.positional.push_back(postfix(primary()));
  }
  made->parts.push_back(std::move(value));
  if (!is_negated) return made;
  ExpressionPtr negation = make(Kind::kNot, made->line);
  negation->parts.push_back(std::move(made));
  return negation;
}

}  // namespace retort::jinja
