#include "rewards/text.h"

namespace retort {
namespace {

// Unicode's White_Space property, in UTF-8.
constexpr std::string_view kWhiteSpace[] = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
    "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
    "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
    "\xe3\x80\x80"};

constexpr std::string_view kTag = "<answer>";
constexpr std::string_view kEndTag = "</answer>";

}  // namespace

std::string_view stripped(std::string_view text) {
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view space : kWhiteSpace) {
      if (text.starts_with(space)) {
        text.remove_prefix(space.size());
        again = true;
      }
      if (text.ends_with(space)) {
        text.remove_suffix(space.size());
        again = true;
      }
    }
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::optional<std::string_view> last_answer_tag(std::string_view text) {
  const size_t end = text.rfind(kEndTag);
  if (end == std::string_view::npos) return std::nullopt;
  const size_t begin = text.rfind(kTag, end);
  if (begin == std::string_view::npos) return std::nullopt;
  return text.substr(begin + kTag.size(), end - begin - kTag.size());
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size()))
    ++count;
  return count;
}

}  // namespace retort
