// retort tokenize: ids of texts or chats, and back.
#include "base/error.h"
#include "base/json.h"
#include "policy/chat_template/chat_template.h"
#include "policy/hf_model.h"
#include "policy/tokenizer/tokenizer.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

std::string decode_row(const Tokenizer& tokenizer, const Json& row, const std::string& place,
                       bool skip_special) {
  if (!row.contains("ids") || !row["ids"].is_array())
    throw UserError(place, "has no list \"ids\"", "write {\"ids\": [1, 2, 3]}");
  std::vector<int32_t> ids;
  for (const Json& id : row["ids"]) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      throw UserError(place, id.dump() + " is no id", "write ids of 0 or more");
    ids.push_back(id.get<int32_t>());
  }
  return Json({{"text", tokenizer.decode(ids, skip_special)}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_row(const Tokenizer& tokenizer, const Json& row, const std::string& place,
                     bool add_special) {
  if (!row.contains("text") || !row["text"].is_string())
    throw UserError(place, "has no text \"text\"", "write {\"text\": \"…\"}");
  return fmt::format(R"({{"ids":{}}})",
                     int_list(tokenizer.encode(row["text"].get<std::string>(), add_special)));
}

std::string chat_row(const Tokenizer& tokenizer, const ChatTemplate& chat, const Json& row,
                     const std::string& place) {
  if (!row.contains("messages"))
    throw UserError(place, "has no \"messages\"",
                    "write {\"messages\": [{\"role\": \"user\", \"content\": \"…\"}]}");
  const Json tools = row.contains("tools") ? row["tools"] : Json();
  const Json variables = row.contains("variables") ? row["variables"] : Json::object();
  const bool prompt = row.contains("add_generation_prompt") &&
                      row["add_generation_prompt"].is_boolean() &&
                      row["add_generation_prompt"].get<bool>();
  RenderedChat rendered;
  try {
    rendered = chat.render(row["messages"], tools, prompt, variables);
  } catch (const UserError& error) {
    throw UserError(place, error.what(), "mend the row");
  }
  std::string line = fmt::format(R"({{"text":{},"ids":)", Json(rendered.text).dump());
  if (rendered.generation_spans.empty())
    return line + int_list(tokenizer.encode(rendered.text, false)) + "}";
  const Encoding encoding = tokenizer.encode_tracked(rendered.text, false);
  const std::vector<uint8_t> mask =
      mask_of_ranges(encoding, rendered.text, rendered.generation_spans);
  return line + int_list(encoding.ids) + ",\"mask\":" + int_list({mask.begin(), mask.end()}) + "}";
}

}  // namespace

int run_tokenize(const CommandArguments& arguments) {
  std::string model, in = "-", out = "-";
  bool decode = false, chat = false, no_special = false, skip_special = false;
  Arguments parser("tokenize", "Ids of texts or chats, and back.",
                   "echo '{\"text\":\"8+19=\"}' | retort tokenize --model configs/tiny_base");
  parser.option("--model", model, "Hugging Face directory, checkpoint or run", true);
  parser.option("--in", in,
                "JSON Lines of {\"text\"}, {\"ids\"} or {\"messages\"}; - is standard input");
  parser.option("--out", out, "JSON Lines; - is standard output");
  parser.flag("--decode", decode, "{\"ids\"} to {\"text\"}");
  parser.flag("--chat", chat,
              "{\"messages\", \"tools\"?, \"add_generation_prompt\"?, \"variables\"?} to "
              "{\"text\", \"ids\", \"mask\"?}");
  parser.flag("--no-special", no_special, "leave out what the post-processor adds");
  parser.flag("--skip-special", skip_special,
              "with --decode: leave special tokens out of the text");
  if (!parser.parse(arguments)) return 0;
  refuse_same_file(in, out);
  if (decode && chat) throw UserError("--decode", "does not go with --chat", "drop one of them");
  const std::string dir = resolve_model_dir(model, "--model");
  const Tokenizer tokenizer = Tokenizer::from_file(dir + "/tokenizer.json");
  std::optional<ChatTemplate> chat_template;
  if (chat) chat_template = ChatTemplate::from_model_dir(dir);
  RowWriter writer(out);  // before the work: a place that cannot be written is told at once
  std::vector<std::string> lines;
  say_terminal_is_read(in, parser.quiet());
  std::optional<Progress> progress(std::in_place, "rows", 0, parser.quiet());
  read_json_lines(in, [&](const Json& row, const std::string& place) {
    if (decode)
      lines.push_back(decode_row(tokenizer, row, place, skip_special));
    else if (chat)
      lines.push_back(chat_row(tokenizer, *chat_template, row, place));
    else
      lines.push_back(text_row(tokenizer, row, place, !no_special));
    progress->update(static_cast<int64_t>(lines.size()));
  });
  progress.reset();
  for (const std::string& line : lines) writer.write(line);
  writer.close();
  return 0;
}

}  // namespace retort
