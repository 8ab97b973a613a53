#include "tasks/family/tagged_answer.h"

namespace retort {
namespace {

constexpr std::string_view kThink = "<think>";
constexpr std::string_view kEndThink = "</think>";
constexpr std::string_view kAnswer = "<answer>";
constexpr std::string_view kEndAnswer = "</answer>";
constexpr size_t kQuotedLength = 40;

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<std::string_view> tagged_answer(const Completion& completion) {
  if (completion.stop != StopReason::kEos || completion.stray_special) return std::nullopt;
  std::string_view text = completion.text;
  if (take(text, kThink)) {
    const size_t work = text.find('<');
    if (work == std::string_view::npos) return std::nullopt;
    text.remove_prefix(work);
    if (!take(text, kEndThink)) return std::nullopt;
  }
  if (!take(text, kAnswer)) return std::nullopt;
  const size_t length = text.find_first_not_of("0123456789+-*");
  if (length == 0 || length == std::string_view::npos) return std::nullopt;
  if (text.substr(length) != kEndAnswer) return std::nullopt;
  return text.substr(0, length);
}

std::string worked_answer(std::string_view work, std::string_view answer) {
  return std::string(kThink).append(work).append(kEndThink) + direct_answer(answer);
}

std::string direct_answer(std::string_view answer) {
  return std::string(kAnswer).append(answer).append(kEndAnswer);
}

std::string quoted(std::string_view answer) {
  if (answer.size() <= kQuotedLength) return "'" + std::string(answer) + "'";
  return "'" + std::string(answer.substr(0, kQuotedLength)) + "'… (" +
         std::to_string(answer.size()) + " characters)";
}

}  // namespace retort
