#include "tests/cases/case_runner.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace retort::tests {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string unescape(const std::string& text, const std::string& place) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char kind = i + 1 < text.size() ? text[++i] : '\0';
    if (kind == 'n') {
      result += '\n';
    } else if (kind == 't') {
      result += '\t';
    } else if (kind == '\\') {
      result += '\\';
    } else if (kind == 'x' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
               hex_digit(text[i + 2]) >= 0) {
      result += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      throw std::runtime_error(place + ": unknown escape; known: \\n \\t \\\\ \\xHH");
    }
  }
  return result;
}

}  // namespace

std::optional<std::string> TextCase::find(const std::string& key) const {
  read_.insert(key);
  for (const auto& [name, value] : values_)
    if (name == key) return value;
  return std::nullopt;
}

std::string TextCase::get(const std::string& key, const std::string& otherwise) const {
  return find(key).value_or(otherwise);
}

std::string TextCase::require(const std::string& key) const {
  const std::optional<std::string> value = find(key);
  EXPECT_TRUE(value.has_value()) << place_ << " has no '" << key << "'";
  return value.value_or("");
}

std::vector<std::string> TextCase::unread_keys() const {
  std::vector<std::string> keys;
  for (const auto& [name, value] : values_)
    if (!read_.contains(name)) keys.push_back(name);
  return keys;
}

std::vector<TextCase> parse_cases(const std::string& text, const std::string& file) {
  std::vector<TextCase> cases;
  std::string place;  // of the open case; "" between cases
  std::vector<std::pair<std::string, std::string>> values;
  const auto close = [&] {
    if (!place.empty()) cases.emplace_back(place, values);
    place.clear();
    values.clear();
  };
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty()) close();
    if (line.empty() || line.front() == '#') continue;
    const std::string at = file + ":" + std::to_string(number);
    const size_t colon = line.find(':');
    if (colon == std::string::npos) throw std::runtime_error(at + ": write KEY: VALUE");
    const std::string key = line.substr(0, colon);
    const size_t begin = colon + 1 + (line.compare(colon + 1, 1, " ") == 0 ? 1 : 0);
    const std::string value = unescape(line.substr(begin), at);
    if (key == "case") {
      if (!place.empty()) throw std::runtime_error(at + ": a blank line ends a case");
      place = at + " (" + value + ")";
      continue;
    }
    if (place.empty()) throw std::runtime_error(at + ": a case begins with 'case: NAME'");
    for (const auto& [name, other] : values)
      if (name == key) throw std::runtime_error(at + ": '" + key + "' stands twice");
    values.emplace_back(key, value);
  }
  close();
  return cases;
}

void run_cases(const std::string& file, const std::function<void(const TextCase&)>& check) {
  const std::string path = "tests/cases/" + file;
  std::ifstream stream(path);
  ASSERT_TRUE(stream) << path << ": run from the root of the sources";
  std::ostringstream text;
  text << stream.rdbuf();
  const std::vector<TextCase> cases = parse_cases(text.str(), path);
  ASSERT_FALSE(cases.empty()) << path;
  for (const TextCase& one : cases) {
    SCOPED_TRACE(one.place());
    check(one);
    for (const std::string& key : one.unread_keys()) ADD_FAILURE() << "unknown key '" << key << "'";
  }
}

}  // namespace retort::tests
