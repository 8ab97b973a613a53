#include "policy/tokenizer/tokenizer.h"

#include <algorithm>
#include <utility>

namespace retort {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string StreamDecoder::push(int32_t id) {
  ids_.push_back(id);
  return take(false);
}

std::string StreamDecoder::finish() { return take(true); }

// The text of a window is decoded: the last tokens that are out, since a token's text can depend on
// whether another stands before it, and those that wait.
std::string StreamDecoder::take(bool is_last) {
  const std::string text = tokenizer_.decode(ids_, skip_special_);
  const bool is_whole = is_last || !text.ends_with(kReplacement);
  if (!is_whole || text.size() <= context_text_.size()) return "";
  std::string fresh = text.substr(context_text_.size());
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(context_));
  context_ = ids_.size();
  context_text_ = tokenizer_.decode(ids_, skip_special_);
  return fresh;
}

}  // namespace retort
