#include "tools/retort/sft_rows.h"

#include "base/error.h"
#include "base/json.h"
#include "learner/sft.h"
#include "policy/chat_template/chat_template.h"
#include "tools/retort/messages.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

bool starts_with(const std::vector<int32_t>& ids, const std::vector<int32_t>& prefix) {
  return prefix.size() <= ids.size() && std::equal(prefix.begin(), prefix.end(), ids.begin());
}

// Messages with a loss on the assistant's from the index `learned` on.
class Chat {
 public:
  Chat(const PromptCodec& codec, Json messages, size_t learned, Json tools, std::string place)
      : codec_(codec),
        messages_(std::move(messages)),
        learned_(learned),
        tools_(std::move(tools)),
        place_(std::move(place)) {}

  TrainingSequence sequence() const {
    const RenderedChat whole = render(messages_.size(), false);
    return whole.generation_spans.empty() ? by_prefixes(whole.text) : by_spans(whole);
  }

 private:
  // The first `count` messages.
  RenderedChat render(size_t count, bool open) const {
    Json part = Json::array();
    for (size_t i = 0; i < count; ++i) part.push_back(messages_[i]);
    const ChatTemplate& chat =
        codec_.chat_template();  // a model without one is not the row's fault
    try {
      return chat.render(part, tools_, open, {});
    } catch (const UserError& error) {
      throw UserError(place_, error.what(), "mend the row");
    }
  }

  bool has_loss(size_t message) const {
    return message >= learned_ && messages_[message]["role"] == "assistant";
  }

  // Messages of the assistant from the index `first` on.
  size_t assistants(size_t first) const {
    size_t count = 0;
    for (size_t i = first; i < messages_.size(); ++i)
      count += messages_[i]["role"] == "assistant" ? 1 : 0;
    return count;
  }

  TrainingSequence by_spans(const RenderedChat& whole) const {
    std::vector<TextRange> spans = whole.generation_spans;
    if (learned_ > 0) {  // a span a message of the assistant, in their order
      const size_t all = assistants(0), last = assistants(learned_);
      if (spans.size() != all)
        throw UserError(place_,
                        fmt::format("the template marks {} generation spans for {} messages of "
                                    "the assistant",
                                    spans.size(), all),
                        "give the whole chat as \"messages\"");
      spans.erase(spans.begin(), spans.end() - static_cast<std::ptrdiff_t>(last));
    }
    const Encoding encoding = codec_.tokenizer().encode_tracked(whole.text, false);
    const std::vector<uint8_t> mask = mask_of_ranges(encoding, whole.text, spans);
    TrainingSequence sequence;
    sequence.tokens = encoding.ids;
    for (size_t t = 1; t < mask.size(); ++t)
      if (mask[t] != 0) sequence.loss_positions.push_back(static_cast<int32_t>(t));
    return sequence;
  }

  TrainingSequence by_prefixes(const std::string& text) const {
    if (has_loss(0))
      throw UserError(place_,
                      "begins with the assistant, and the template marks no spans to learn from",
                      "put a user's message first, or use a template that marks "
                      "{% generation %} spans");
    TrainingSequence sequence;
    sequence.tokens = codec_.tokenizer().encode(text, false);
    for (size_t i = 0; i < messages_.size(); ++i) {
      if (!has_loss(i)) continue;
      const size_t begin = prefix_tokens(sequence, text, i, true);
      size_t end = prefix_tokens(sequence, text, i + 1, false);
      // Up to the end of text that closes the message, not the template's white space after it.
      for (size_t t = end; t > begin; --t) {
        const std::vector<int32_t>& eos = codec_.eos_ids();
        if (std::find(eos.begin(), eos.end(), sequence.tokens[t - 1]) == eos.end()) continue;
        end = t;
        break;
      }
      for (size_t t = std::max<size_t>(begin, 1); t < end; ++t)
        sequence.loss_positions.push_back(static_cast<int32_t>(t));
    }
    return sequence;
  }

  // Tokens of the first `count` messages, which must be those with which the whole chat begins.
  size_t prefix_tokens(const TrainingSequence& sequence, const std::string& text, size_t count,
                       bool open) const {
    const std::string prefix = render(count, open).text;
    const std::string what = fmt::format("message {}", open ? count + 1 : count);
    if (!text.starts_with(prefix))
      throw UserError(place_,
                      "the template writes what stands before " + what +
                          " in another way "
                          "when messages follow",
                      "use a template that marks {% generation %} spans, or end the row there");
    const std::vector<int32_t> ids = codec_.tokenizer().encode(prefix, false);
    if (!starts_with(sequence.tokens, ids))
      throw UserError(place_, "the tokens at the border of " + what + " span it",
                      "use a template that marks {% generation %} spans");
    return ids.size();
  }

  const PromptCodec& codec_;
  const Json messages_;
  const size_t learned_;
  const Json tools_;
  const std::string place_;
};

TrainingSequence row_sequence(const Json& row, const std::string& place, const SftSection& sft,
                              const PromptCodec& codec) {
  const Json tools = tools_of(row, place);
  const Json& all = value_of(row, sft.messages_key);
  const Json& prompt = value_of(row, sft.prompt_key);
  const Json& completion = value_of(row, sft.completion_key);
  const bool pair = !prompt.is_null() || !completion.is_null();
  if (!all.is_null() || (row.contains(sft.messages_key) && !pair))
    return Chat(codec, checked_messages(all, place), 0, tools, place).sequence();
  const std::string fix = fmt::format("write \"{}\", or \"{}\" and \"{}\" as texts or messages",
                                      sft.messages_key, sft.prompt_key, sft.completion_key);
  if (!row.contains(sft.prompt_key) || !row.contains(sft.completion_key))
    throw UserError(place,
                    fmt::format("has neither \"{}\" nor \"{}\" and \"{}\"", sft.messages_key,
                                sft.prompt_key, sft.completion_key),
                    fix);
  if (prompt.is_string() && completion.is_string()) {
    std::vector<int32_t> ids = codec.tokenizer().encode(completion.get<std::string>(), false);
    ids.push_back(codec.eos_ids().front());
    const std::vector<int32_t> before = codec.tokenizer().encode(prompt.get<std::string>(), true);
    if (before.empty())
      throw UserError(place, "\"" + sft.prompt_key + "\" has no tokens", "give a prompt with text");
    return sft_sequence(before, ids);
  }
  if (!prompt.is_array() || !completion.is_array())
    throw UserError(place,
                    fmt::format("\"{}\" and \"{}\" are neither two texts nor two lists of messages",
                                sft.prompt_key, sft.completion_key),
                    fix);
  Json messages = checked_messages(prompt, place);
  for (const Json& message : checked_messages(completion, place)) messages.push_back(message);
  return Chat(codec, std::move(messages), prompt.size(), tools, place).sequence();
}

}  // namespace

std::vector<TrainingSequence> read_sft_rows(const std::string& files, const std::string& setting,
                                            const SftSection& sft, const PromptCodec& codec,
                                            int64_t max_tokens) {
  std::vector<TrainingSequence> sequences;
  std::istringstream names(files);
  for (std::string file; std::getline(names, file, ',');)
    read_json_lines(file, [&](const Json& row, const std::string& place) {
      TrainingSequence sequence = row_sequence(row, place, sft, codec);
      if (sequence.loss_positions.empty())
        throw UserError(place, "has no token to learn from", "add an answer of the assistant");
      const auto length = static_cast<int64_t>(sequence.tokens.size());
      if (length <= max_tokens)
        sequences.push_back(std::move(sequence));
      else if (sft.overlong_row == "error")
        throw UserError(place, fmt::format("has {} tokens, the limit is {}", length, max_tokens),
                        "raise sft.max_tokens, or set sft.overlong_row to \"drop\"");
    });
  if (sequences.empty())
    throw UserError(setting, "every row of '" + files + "' is too long", "raise sft.max_tokens");
  return sequences;
}

}  // namespace retort
