#include "policy/tokenizer/tokenizer_file.h"

#include "base/error.h"
#include "base/file.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace retort {
namespace {

using nlohmann::json;

// Sees the events of the parser; keeps the entries of the two lists for itself and drops them from
// the document. Depths: 1 inside the file's object, 2 inside "model", 3 inside its lists, 4 inside
// a pair.
class ListTaker {
 public:
  explicit ListTaker(TokenizerFile* file) : file_(file) {}

  bool operator()(int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (depth > kMaxDepth)
      throw UserError(file_->path, "lists and objects are nested too deeply",
                      "use a tokenizer.json");
    if (event == Event::key && depth == 1)
      in_model_ = value.get_ref<const std::string&>() == "model";
    if (event == Event::key && depth == 2) {
      const std::string& key = value.get_ref<const std::string&>();
      list_ = !in_model_        ? List::kNone
              : key == "vocab"  ? List::kVocabulary
              : key == "merges" ? List::kMerges
                                : List::kNone;
      return true;
    }
    if (list_ == List::kNone || depth < 3) return true;
    if (list_ == List::kVocabulary) return vocabulary_event(depth, event, value);
    return merges_event(depth, event, value);
  }

 private:
  // As the tokenizers library has it. Parts of parts are made by recursion.
  static constexpr int kMaxDepth = 128;

  enum class List { kNone, kVocabulary, kMerges };

  bool vocabulary_event(int depth, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::key && depth == 3) {
      token_ = std::move(value.get_ref<std::string&>());
      return false;
    }
    if (event == json::parse_event_t::value && depth == 3 && value.is_number_integer()) {
      const bool fits = !value.is_number_unsigned() || value.get<uint64_t>() <= INT32_MAX;
      const int64_t id = fits ? value.get<int64_t>() : -1;
      if (id >= 0 && id <= INT32_MAX) {
        file_->vocabulary.emplace_back(std::move(token_), static_cast<int32_t>(id));
        return false;
      }
    }
    if (file_->vocabulary_problem.empty()) {
      file_->vocabulary_problem = "entry " + std::to_string(file_->vocabulary.size() + 1) +
                                  " is not a token with an id from 0 to 2147483647";
    }
    return false;
  }

  bool merges_event(int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (depth == 3 && event == Event::array_start) {
      pair_.clear();
      return true;
    }
    if (depth == 4 && event == Event::value && value.is_string()) {
      pair_.push_back(std::move(value.get_ref<std::string&>()));
      return false;
    }
    if (depth == 3 && event == Event::array_end && pair_.size() == 2) {
      file_->merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
      return false;
    }
    if (depth == 3 && event == Event::value && value.is_string()) {
      if (line(value.get_ref<const std::string&>())) return false;
    }
    if (file_->merges_problem.empty()) {
      file_->merges_problem = "entry " + std::to_string(file_->merges.size() + 1) +
                              " is neither \"left right\" nor [\"left\", \"right\"]";
    }
    return false;
  }

  // The older form, "left right", with a first line that may name a version.
  bool line(std::string_view text) {
    if (text.starts_with("#version")) return true;
    const size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
      return false;
    }
    file_->merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  TokenizerFile* file_;
  bool in_model_ = false;
  List list_ = List::kNone;
  std::string token_;
  std::vector<std::string> pair_;
};

}  // namespace

JsonNode TokenizerFile::root() const { return JsonNode(*document, path, ""); }

TokenizerFile read_tokenizer_file(const std::string& path) {
  TokenizerFile file;
  file.path = path;
  const std::string text = read_file(path);
  try {
    json document = json::parse(text, ListTaker(&file));
    if (!document.is_object()) throw UserError(path, "not a JSON object", "use a tokenizer.json");
    file.document = std::make_shared<const json>(std::move(document));
  } catch (const json::parse_error& error) {
    throw UserError(path, "not valid JSON near byte " + std::to_string(error.byte),
                    "use a complete tokenizer.json");
  }
  return file;
}

}  // namespace retort
