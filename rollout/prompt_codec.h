#pragma once
// PromptCodec: tasks as prompt tokens and samples as completion texts, with the model's own
// tokenizer and template.
#include "base/record/sample.h"
#include "base/record/task.h"
#include "policy/tokenizer/tokenizer.h"
#include "tasks/verifier.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

namespace retort {

class ChatTemplate;

class PromptCodec {
 public:
  // Tokenizer and template of a Hugging Face directory; `eos_ids` end a completion.
  PromptCodec(const std::string& model_dir, std::vector<int32_t> eos_ids);
  ~PromptCodec();
  PromptCodec(PromptCodec&&) noexcept;

  // A text prompt with the post-processor's special tokens; messages through the template, opened
  // for an answer. UserError when the task has messages and the model no template.
  std::vector<int32_t> encode(const Task& task) const;
  std::vector<int32_t> encode_messages(const std::vector<Message>& messages) const;
  // Messages with whatever else the template reads of them, and tools; null: none.
  std::vector<int32_t> encode_messages(const nlohmann::ordered_json& messages,
                                       const nlohmann::ordered_json& tools) const;
  std::vector<int32_t> encode_text(const std::string& text) const;

  // The model's own; read when it is first asked for. UserError when it has none.
  const ChatTemplate& chat_template() const;
  // The template of `file` from here on, instead of the model's.
  void use_chat_template(const std::string& file);

  // What a verifier reads: special tokens left out, and whether one other than the final end of
  // text was sampled.
  Completion completion(const Sample& sample) const;
  // Completion ids as text for a reader, special tokens shown.
  std::string readable(const Sample& sample) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::vector<int32_t>& eos_ids() const { return eos_ids_; }

 private:
  bool is_eos(int32_t id) const;
  std::string model_dir_;
  Tokenizer tokenizer_;
  std::vector<int32_t> eos_ids_;
  mutable std::unique_ptr<ChatTemplate> chat_template_;  // read when the first chat comes
};

}  // namespace retort
