#include "policy/tokenizer/pieces.h"

#include "policy/tokenizer/utf8.h"

namespace retort {

TrackedText TrackedText::of(std::string_view text, bool is_tracked) {
  TrackedText tracked;
  tracked.bytes = text;
  tracked.is_tracked = is_tracked;
  if (!is_tracked) return tracked;
  tracked.origins.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    next_code_point(text, &at);
    tracked.origins.insert(tracked.origins.end(), at - begin,
                           Origin{static_cast<uint32_t>(begin), static_cast<uint32_t>(at)});
  }
  return tracked;
}

TrackedText TrackedText::empty_copy() const {
  TrackedText copy;
  copy.is_tracked = is_tracked;
  return copy;
}

TrackedText TrackedText::slice(size_t begin, size_t end) const {
  TrackedText part = empty_copy();
  part.append(*this, begin, end);
  return part;
}

void TrackedText::append(const TrackedText& from, size_t begin, size_t end) {
  bytes.append(from.bytes, begin, end - begin);
  if (!is_tracked) return;
  origins.insert(origins.end(), from.origins.begin() + static_cast<std::ptrdiff_t>(begin),
                 from.origins.begin() + static_cast<std::ptrdiff_t>(end));
}

void TrackedText::append(std::string_view text, Origin origin) {
  bytes.append(text);
  if (is_tracked) origins.insert(origins.end(), text.size(), origin);
}

Origin TrackedText::origin(size_t begin, size_t end) const {
  if (!is_tracked || begin == end) return {};
  return {origins[begin].begin, origins[end - 1].end};
}

}  // namespace retort
