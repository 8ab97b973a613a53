#include "policy/tokenizer/regex.h"

#include "base/check.h"
#include "base/error.h"
#include "policy/tokenizer/regex_syntax.h"
#include "policy/tokenizer/utf8.h"

#include <pcre2.h>

#include <array>
#include <utility>

namespace retort {
namespace {

constexpr uint32_t kMatchLimit = 10'000'000;       // backtracking steps of one match
constexpr size_t kMaxJitStack = size_t{16} << 20;  // bytes

std::string error_text(int error) {
  std::array<unsigned char, 256> text;
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// What PCRE2 needs to run a match; one per thread, since every pattern needs the first pair only.
class Workspace {
 public:
  Workspace()
      : data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)),
        stack_(pcre2_jit_stack_create(32 << 10, kMaxJitStack, nullptr)) {
    RT_CHECK(data_ != nullptr && context_ != nullptr);
    pcre2_set_match_limit(context_, kMatchLimit);
    pcre2_jit_stack_assign(context_, nullptr, stack_);
  }
  ~Workspace() {
    pcre2_match_data_free(data_);
    pcre2_match_context_free(context_);
    pcre2_jit_stack_free(stack_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  pcre2_match_data* data() { return data_; }
  pcre2_match_context* context() { return context_; }

 private:
  pcre2_match_data* data_;
  pcre2_match_context* context_;
  pcre2_jit_stack* stack_;
};

Workspace& workspace() {
  thread_local Workspace instance;
  return instance;
}

}  // namespace

struct Regex::Code {
  explicit Code(const std::string& pattern, const std::string& place) {
    pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
    RT_CHECK(context != nullptr);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                         PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (code == nullptr) {
      throw UserError(place, "regular expression: " + error_text(error),
                      "write it in the syntax of Oniguruma that PCRE2 has too");
    }
    // Without a JIT for this machine the interpreter runs the pattern, with the same result.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  }
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* code = nullptr;
};

Regex::Regex(std::shared_ptr<const Code> code, std::string place)
    : code_(std::move(code)), place_(std::move(place)) {}

Regex::Regex(std::string_view pattern, const std::string& place)
    : Regex(std::make_shared<const Code>(pcre2_pattern(pattern, place), place), place) {}

Regex Regex::literal(std::string_view text, const std::string& place) {
  return Regex(std::make_shared<const Code>(pcre2_literal(text), place), place);
}

bool Regex::match_at(std::string_view text, size_t from, TextRange* match) const {
  Workspace& space = workspace();
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                from, PCRE2_NO_UTF_CHECK, space.data(), space.context());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    throw UserError(place_,
                    "its regular expression gave up on a text of " + std::to_string(text.size()) +
                        " bytes (" + error_text(found) + ")",
                    "shorten the text or simplify the pattern");
  }
  const PCRE2_SIZE* pair = pcre2_get_ovector_pointer(space.data());
  *match = {pair[0], pair[1]};
  return true;
}

void Regex::find_all(std::string_view text, std::vector<TextRange>* matches) const {
  matches->clear();
  size_t from = 0;
  while (from <= text.size()) {
    TextRange match;
    if (!match_at(text, from, &match)) return;
    const bool is_empty = match.begin == match.end;
    if (is_empty && !matches->empty() && matches->back().end == match.end) {
      if (from >= text.size()) return;
      next_code_point(text, &from);
      continue;
    }
    matches->push_back(match);
    from = match.end;
  }
}

bool Regex::matches(std::string_view text) const {
  TextRange match;
  return match_at(text, 0, &match);
}

}  // namespace retort
