#pragma once
// A model's chat template: from messages to the text that the model was trained on. The template is
// the model's own, in Jinja's language, and runs as Transformers runs it (sandboxed, trim_blocks,
// lstrip_blocks, its tojson, raise_exception, strftime_now, {% generation %}, break and continue).
//
// Not supported, and said so with the template's line: templates of several files (extends, block,
// include, import), autoescape, rare filters (urlize, wordwrap, xmlattr, …), numbers beyond 64
// bits.
#include "policy/tokenizer/text_range.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace retort {

struct RenderedChat {
  std::string text;
  std::vector<TextRange> generation_spans;  // bytes of `text` inside of {% generation %} blocks
};

// Constant after construction and cheap to copy; may be used from several threads at once.
class ChatTemplate {
 public:
  // Of a Hugging Face directory: chat_template.jinja and additional_chat_templates/*.jinja, else
  // "chat_template" of tokenizer_config.json, one or a list of named ones. The special tokens of
  // tokenizer_config.json (and, without added_tokens_decoder, special_tokens_map.json) become
  // variables. `file`, where given, is the template instead. UserError when there is none, or
  // naming file and line when it cannot be read.
  static ChatTemplate from_model_dir(const std::string& dir, const std::string& file = "");

  // `place` names the template in messages.
  static ChatTemplate from_text(const std::string& source, const std::string& place);

  // `messages`: an array, not empty. `tools`: an array or null; with tools a template named
  // "tool_use" is preferred. `variables`: an object or null; they stand beside the special tokens
  // and go before them. UserError when the template refuses (raise_exception), goes wrong or runs
  // too long, with its line.
  RenderedChat render(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools,
                      bool add_generation_prompt, const nlohmann::ordered_json& variables) const;

  // Seconds since 1970 for strftime_now; the system's clock unless this is set. A run that must
  // give the same bytes again sets it.
  void set_clock(std::function<int64_t()> now_unix_s) { now_unix_s_ = std::move(now_unix_s); }

 private:
  struct Source;

  ChatTemplate() = default;
  void add(const std::string& name, const std::string& source, const std::string& place);
  const Source& source_for(bool has_tools) const;

  std::string place_;
  // by name; "default" for a single one
  std::map<std::string, std::shared_ptr<const Source>> sources_;
  std::shared_ptr<const nlohmann::ordered_json> special_tokens_;  // object of texts
  std::function<int64_t()> now_unix_s_;                           // may be empty
};

}  // namespace retort
