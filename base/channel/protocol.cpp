#include "base/channel/protocol.h"

#include "base/check.h"
#include "base/log.h"
#include "base/record/bytes.h"

#include <sys/random.h>

namespace retort {
namespace {

using record::Reader;
using record::Writer;

constexpr size_t kLongestText = 4096;  // of a greeting

// What is left unread, or was not there, makes it none.
bool whole(const Reader& in) { return !in.bad() && in.at_end(); }

std::string short_text(Reader& in) {
  std::string text = in.text();
  if (text.size() > kLongestText) in.take(in.left() + 1);  // makes the reader bad
  return text;
}

std::string shown(const std::string& text) { return text.empty() ? "none" : one_line(text); }

}  // namespace

std::vector<uint8_t> write_hello(const Hello& hello) {
  Writer writer;
  writer.number(hello.protocol);
  writer.text(hello.build);
  writer.text(hello.config_digest);
  writer.text(hello.run_token);
  writer.text(hello.name);
  writer.number(hello.instance);
  return writer.take();
}

std::optional<Hello> read_hello(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  Hello hello;
  hello.protocol = in.number<uint32_t>();
  hello.build = short_text(in);
  hello.config_digest = short_text(in);
  hello.run_token = short_text(in);
  hello.name = short_text(in);
  hello.instance = in.number<uint64_t>();
  if (!whole(in)) return std::nullopt;
  return hello;
}

std::vector<uint8_t> write_welcome(const Welcome& welcome) {
  Writer writer;
  writer.number(welcome.instance);
  writer.number(welcome.credits);
  return writer.take();
}

std::optional<Welcome> read_welcome(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  Welcome welcome;
  welcome.instance = in.number<uint64_t>();
  welcome.credits = in.number<uint64_t>();
  if (!whole(in) || welcome.credits == 0) return std::nullopt;
  return welcome;
}

std::vector<uint8_t> write_refusal(const std::string& text) {
  Writer writer;
  writer.text(text);
  return writer.take();
}

std::optional<std::string> read_refusal(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  std::string text = short_text(in);
  if (!whole(in)) return std::nullopt;
  return one_line(text);
}

std::vector<uint8_t> write_ids(std::span<const SampleId> ids) {
  Writer writer;
  for (const SampleId& id : ids) {
    writer.number(id.step);
    writer.number(id.task);
    writer.number(id.slot);
    writer.number(id.branch);
  }
  return writer.take();
}

std::optional<std::vector<SampleId>> read_ids(std::span<const uint8_t> bytes) {
  constexpr size_t kIdBytes = 4 * sizeof(uint32_t);
  if (bytes.size() % kIdBytes != 0) return std::nullopt;
  std::vector<SampleId> ids(bytes.size() / kIdBytes);
  Reader in(bytes);
  for (SampleId& id : ids) {
    id.step = in.number<uint32_t>();
    id.task = in.number<uint32_t>();
    id.slot = in.number<uint32_t>();
    id.branch = in.number<uint32_t>();
  }
  return ids;
}

std::vector<uint8_t> write_range(const ChunkRange& range) {
  Writer writer;
  writer.number(range.number);
  writer.number(range.offset);
  writer.number(range.length);
  return writer.take();
}

std::optional<ChunkRange> read_range(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  ChunkRange range;
  range.number = in.number<uint32_t>();
  range.offset = in.number<uint64_t>();
  range.length = in.number<uint64_t>();
  if (!whole(in)) return std::nullopt;
  return range;
}

template <class Number>
std::vector<uint8_t> write_number(Number value) {
  Writer writer;
  writer.number(value);
  return writer.take();
}
template <class Number>
std::optional<Number> read_number(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  const auto value = in.number<Number>();
  if (!whole(in)) return std::nullopt;
  return value;
}
template std::vector<uint8_t> write_number(uint8_t);
template std::vector<uint8_t> write_number(uint32_t);
template std::vector<uint8_t> write_number(uint64_t);
template std::optional<uint8_t> read_number(std::span<const uint8_t>);
template std::optional<uint32_t> read_number(std::span<const uint8_t>);
template std::optional<uint64_t> read_number(std::span<const uint8_t>);

std::string difference(const Hello& worker, const Hello& learner) {
  const auto differs = [](const std::string& what, const std::string& a, const std::string& b) {
    return what + " differs: the worker has " + a + ", the learner has " + b;
  };
  if (worker.protocol != learner.protocol)
    return differs("the protocol", std::to_string(worker.protocol),
                   std::to_string(learner.protocol));
  if (worker.build != learner.build)
    return differs("the build", shown(worker.build), shown(learner.build));
  if (worker.config_digest != learner.config_digest)
    return differs("the configuration", shown(worker.config_digest), shown(learner.config_digest));
  // Every byte is looked at, so that the time says nothing about where they differ.
  size_t unequal = worker.run_token.size() ^ learner.run_token.size();
  for (size_t i = 0; i < worker.run_token.size() && i < learner.run_token.size(); ++i)
    unequal |= static_cast<uint8_t>(worker.run_token[i] ^ learner.run_token[i]);
  return unequal == 0 ? "" : "the run token differs";
}

uint64_t random_name() {
  uint64_t name = 0;
  while (name == 0) RT_CHECK_EQ(::getrandom(&name, sizeof name, 0), ssize_t{sizeof name});
  return name;
}

}  // namespace retort
