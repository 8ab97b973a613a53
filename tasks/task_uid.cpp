#include "tasks/task_uid.h"

#include <xxhash.h>

#include <string>
#include <string_view>

namespace retort {
namespace {

void append_number(std::string& bytes, uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8)
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
}

void append_text(std::string& bytes, std::string_view text) {
  append_number(bytes, text.size());
  bytes += text;
}

}  // namespace

uint64_t task_uid(const Task& task) {
  std::string bytes;
  append_text(bytes, task.family);
  append_text(bytes, task.prompt);
  append_number(bytes, task.messages.size());
  for (const Message& message : task.messages) {
    append_text(bytes, message.role);
    append_text(bytes, message.content);
  }
  append_text(bytes, task.answer);
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace retort
