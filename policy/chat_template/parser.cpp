#include "policy/chat_template/parser.h"

#include "policy/chat_template/expression_parser.h"
#include "policy/chat_template/lexer.h"
#include "policy/chat_template/token_stream.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace retort::jinja {
namespace {

constexpr int kMaxDepth = 100;  // blocks inside each other

using Kind = Statement::Kind;
using Ends = std::vector<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)), expressions_(&tokens_) {}

  Block run() { return block({}); }

 private:
  Statement make(Kind kind) const {
    Statement made;
    made.kind = kind;
    made.line = tokens_.current().line;
    return made;
  }

  void close() { tokens_.expect(Token::Kind::kClose, "'%}'"); }

  // Statements up to a tag whose name is among `ends`, which becomes the current token; without
  // ends, up to the end of the template.
  Block block(const Ends& ends) {
    if (++depth_ > kMaxDepth) tokens_.fail("blocks are nested too deeply");
    Block made;
    while (true) {
      const Token& token = tokens_.current();
      if (token.kind == Token::Kind::kEnd) {
        if (!ends.empty()) tokens_.fail("expected {% " + std::string(ends[0]) + " %}");
        break;
      }
      if (token.kind == Token::Kind::kText) {
        Statement text = make(Kind::kText);
        text.text = tokens_.next().text;
        made.push_back(std::move(text));
      } else if (token.kind == Token::Kind::kPrint) {
        tokens_.next();
        Statement output = make(Kind::kOutput);
        output.value = expressions_.tuple();
        tokens_.expect(Token::Kind::kPrintEnd, "'}}'");
        made.push_back(std::move(output));
      } else {
        tokens_.next();
        const Token& tag = tokens_.current();
        const bool is_end =
            tag.kind == Token::Kind::kName && std::ranges::find(ends, tag.text) != ends.end();
        if (is_end) break;
        made.push_back(statement());
        close();
      }
    }
    --depth_;
    return made;
  }

  // Behind a tag's words: the rest of the tag, the body, and the word of the tag that ends it.
  Block body(const Ends& ends) {
    tokens_.skip_operator(":");
    close();
    return block(ends);
  }

  Block whole_body(std::string_view end) {
    Block made = body({end});
    tokens_.next();
    return made;
  }

  Statement statement() {
    const Token tag = tokens_.expect(Token::Kind::kName, "a tag's name");
    struct Row {
      std::string_view name;
      Statement (Parser::*parse)();
    };
    static constexpr std::array<Row, 12> kTags = {{{"if", &Parser::if_tag},
                                                   {"for", &Parser::for_tag},
                                                   {"set", &Parser::set_tag},
                                                   {"macro", &Parser::macro_tag},
                                                   {"call", &Parser::call_tag},
                                                   {"filter", &Parser::filter_tag},
                                                   {"with", &Parser::with_tag},
                                                   {"generation", &Parser::generation_tag},
                                                   {"break", &Parser::break_tag},
                                                   {"continue", &Parser::continue_tag},
                                                   {"print", &Parser::print_tag},
                                                   {"", nullptr}}};
    for (const Row& row : kTags) {
      if (row.parse != nullptr && tag.text == row.name) return (this->*row.parse)();
    }
    std::string known;
    for (const Row& row : kTags) {
      if (row.parse != nullptr) known += (known.empty() ? "" : ", ") + std::string(row.name);
    }
    throw SyntaxFailure(tag.line, "unknown tag '" + tag.text + "' (known: " + known + ")");
  }

  Statement if_tag() {
    Statement made = make(Kind::kIf);
    while (true) {
      Branch branch;
      branch.condition = expressions_.tuple(false);
      branch.body = body({"elif", "else", "endif"});
      made.branches.push_back(std::move(branch));
      if (tokens_.skip_name("elif")) continue;
      if (tokens_.skip_name("else")) {
        made.otherwise = whole_body("endif");
      } else {
        tokens_.next();
      }
      return made;
    }
  }

  Statement for_tag() {
    Statement made = make(Kind::kFor);
    made.target = expressions_.target("in", false);
    tokens_.expect_name("in");
    made.value = expressions_.tuple(false, "recursive");
    if (tokens_.skip_name("if")) made.condition = expressions_.expression();
    made.is_recursive = tokens_.skip_name("recursive");
    ++loops_;
    made.body = body({"endfor", "else"});
    --loops_;
    if (tokens_.skip_name("else")) {
      made.otherwise = whole_body("endfor");
    } else {
      tokens_.next();
    }
    return made;
  }

  Statement set_tag() {
    Statement made = make(Kind::kSet);
    made.target = expressions_.target("", true);
    if (tokens_.skip_operator("=")) {
      made.value = expressions_.tuple();
      return made;
    }
    made.kind = Kind::kSetBlock;
    made.value = expressions_.filters(nullptr, false);
    made.body = procedure_body("endset");
    return made;
  }

  // A body that runs apart from the loops around it.
  Block procedure_body(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    Block made = whole_body(end);
    loops_ = loops;
    return made;
  }

  void parameters(Procedure* procedure) {
    tokens_.expect_operator("(");
    while (!tokens_.at_operator(")")) {
      Parameter made;
      made.name = tokens_.expect(Token::Kind::kName, "a parameter's name").text;
      const bool needs_fallback =
          !procedure->parameters.empty() && procedure->parameters.back().fallback != nullptr;
      if (tokens_.skip_operator("=")) {
        made.fallback = expressions_.expression();
      } else if (needs_fallback) {
        tokens_.fail("a parameter without a default follows one with a default");
      }
      procedure->parameters.push_back(std::move(made));
      if (!tokens_.skip_operator(",")) break;
    }
    tokens_.expect_operator(")");
  }

  void read_procedure(Procedure* procedure, std::string_view end) {
    std::set<std::string> outer = std::exchange(expressions_.names, {});
    procedure->body = procedure_body(end);
    const auto uses = [&](const char* name) { return expressions_.names.contains(name); };
    procedure->uses_varargs = uses("varargs");
    procedure->uses_kwargs = uses("kwargs");
    procedure->uses_caller = uses("caller");
    expressions_.names.merge(outer);
  }

  Statement macro_tag() {
    Statement made = make(Kind::kMacro);
    made.procedure = std::make_shared<Procedure>();
    made.procedure->name = tokens_.expect(Token::Kind::kName, "a macro's name").text;
    parameters(made.procedure.get());
    read_procedure(made.procedure.get(), "endmacro");
    return made;
  }

  Statement call_tag() {
    Statement made = make(Kind::kCallBlock);
    made.procedure = std::make_shared<Procedure>();
    made.procedure->name = "caller";
    if (tokens_.at_operator("(")) parameters(made.procedure.get());
    made.value = expressions_.expression();
    if (made.value->kind != Expression::Kind::kCall) tokens_.fail("{% call %} needs a call");
    read_procedure(made.procedure.get(), "endcall");
    return made;
  }

  Statement filter_tag() {
    Statement made = make(Kind::kFilterBlock);
    made.value = expressions_.filters(nullptr, true);
    made.body = procedure_body("endfilter");
    return made;
  }

  Statement with_tag() {
    Statement made = make(Kind::kWith);
    while (tokens_.current().kind != Token::Kind::kClose) {
      if (!made.assignments.empty()) tokens_.expect_operator(",");
      Target target = expressions_.target("", false);
      tokens_.expect_operator("=");
      made.assignments.emplace_back(std::move(target), expressions_.expression());
    }
    made.body = whole_body("endwith");
    return made;
  }

  Statement generation_tag() {
    Statement made = make(Kind::kGeneration);
    made.body = procedure_body("endgeneration");
    return made;
  }

  Statement loop_control(Kind kind) {
    if (loops_ == 0) tokens_.fail("break and continue belong into a loop");
    return make(kind);
  }
  Statement break_tag() { return loop_control(Kind::kBreak); }
  Statement continue_tag() { return loop_control(Kind::kContinue); }

  Statement print_tag() {
    Statement made = make(Kind::kOutput);
    made.value = expressions_.expression();
    return made;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  int loops_ = 0;  // around the current tag, inside of its macro
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).run(); }

}  // namespace retort::jinja
