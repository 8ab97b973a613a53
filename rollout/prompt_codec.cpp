#include "rollout/prompt_codec.h"

#include "base/error.h"
#include "policy/chat_template/chat_template.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace retort {

PromptCodec::PromptCodec(const std::string& model_dir, std::vector<int32_t> eos_ids)
    : model_dir_(model_dir),
      tokenizer_(Tokenizer::from_file(model_dir + "/tokenizer.json")),
      eos_ids_(std::move(eos_ids)) {}
PromptCodec::~PromptCodec() = default;
PromptCodec::PromptCodec(PromptCodec&&) noexcept = default;

std::vector<int32_t> PromptCodec::encode(const Task& task) const {
  return task.messages.empty() ? encode_text(task.prompt) : encode_messages(task.messages);
}

std::vector<int32_t> PromptCodec::encode_text(const std::string& text) const {
  std::vector<int32_t> ids = tokenizer_.encode(text, true);
  if (ids.empty()) throw UserError(model_dir_, "a prompt has no tokens", "give prompts with text");
  return ids;
}

const ChatTemplate& PromptCodec::chat_template() const {
  if (!chat_template_)
    chat_template_ = std::make_unique<ChatTemplate>(ChatTemplate::from_model_dir(model_dir_));
  return *chat_template_;
}

void PromptCodec::use_chat_template(const std::string& file) {
  chat_template_ = std::make_unique<ChatTemplate>(ChatTemplate::from_model_dir(model_dir_, file));
}

std::vector<int32_t> PromptCodec::encode_messages(const std::vector<Message>& messages) const {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Message& message : messages)
    json.push_back({{"role", message.role}, {"content", message.content}});
  return encode_messages(json, {});
}

std::vector<int32_t> PromptCodec::encode_messages(const nlohmann::ordered_json& messages,
                                                  const nlohmann::ordered_json& tools) const {
  return tokenizer_.encode(chat_template().render(messages, tools, true, {}).text, false);
}

bool PromptCodec::is_eos(int32_t id) const {
  return std::find(eos_ids_.begin(), eos_ids_.end(), id) != eos_ids_.end();
}

Completion PromptCodec::completion(const Sample& sample) const {
  std::vector<int32_t> ids(sample.tokens.begin() + sample.prompt_length, sample.tokens.end());
  if (sample.stop == StopReason::kEos && !ids.empty() && is_eos(ids.back())) ids.pop_back();
  Completion completion;
  completion.stop = sample.stop;
  completion.tokens = sample.completion_length();
  completion.stray_special =
      std::any_of(ids.begin(), ids.end(), [&](int32_t id) { return tokenizer_.is_special(id); });
  completion.text = tokenizer_.decode(ids, true);
  return completion;
}

std::string PromptCodec::readable(const Sample& sample) const {
  return tokenizer_.decode(std::span(sample.tokens).subspan(sample.prompt_length), false);
}

}  // namespace retort
