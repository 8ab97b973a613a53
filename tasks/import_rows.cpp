// Rows of a file for TaskStore::import.
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tasks/task_store.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <fstream>
#include <map>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

void refuse_other_formats(const std::string& file) {
  if (file == "-") return;
  char head[16] = {};
  std::ifstream(file, std::ios::binary).read(head, sizeof head);
  const std::string_view start(head, sizeof head);
  if (file.ends_with(".parquet") || start.starts_with("PAR1"))
    throw UserError(file, "is parquet, which comes with a later release",
                    "write it as JSON Lines first, one object a line");
  if (start == std::string_view("SQLite format 3\0", 16))
    throw UserError(file, "is a database",
                    "write its rows with `retort tasks export` first and import those");
}

// The number behind the last ':' of FILE:LINE.
int64_t line_of(const std::string& place) {
  int64_t line = 0;
  const size_t colon = place.rfind(':');
  std::from_chars(place.data() + colon + 1, place.data() + place.size(), line);
  return line;
}

// The row's own id: a text or an integer under `key`, whose dots lead into objects.
std::string id_of(const Json& row, const std::string& key, const std::string& place) {
  const Json* at = &row;
  size_t begin = 0;
  while (begin <= key.size()) {
    const size_t end = std::min(key.find('.', begin), key.size());
    const std::string name = key.substr(begin, end - begin);
    const auto member = at->is_object() ? at->find(name) : at->end();
    if (!at->is_object() || member == at->end())
      throw UserError(place, "has no id '" + key + "'",
                      "add it, or name the member of the row's id with --id");
    at = &*member;
    begin = end + 1;
  }
  if (at->is_string() && !at->get_ref<const std::string&>().empty()) return at->get<std::string>();
  if (at->is_number_integer()) return at->dump();
  throw UserError(place, "its id '" + key + "' is neither a text nor an integer",
                  "name another member with --id");
}

}  // namespace

void each_import_row(const std::string& file, const ImportOptions& options,
                     const TaskStore::AddRow& visit) {
  refuse_other_formats(file);
  const std::string name = name_of(file);
  const std::string source = !options.source.empty() ? options.source
                             : file == "-"           ? "standard input"
                                                     : name.substr(0, name.rfind('.'));
  std::map<std::string, int64_t> lines;  // of the ids met
  const JsonLine read_row = [&](const Json& object, std::string_view line,
                                const std::string& place) {
    ImportRow row;
    row.row = read_task_row(object, line, place, options.keys);
    row.text = line;
    row.line = line_of(place);
    if (!options.id_key.empty()) {
      row.id = row.row.source + "/" + id_of(object, options.id_key, place);
      const auto [first, is_new] = lines.emplace(row.id, row.line);
      if (!is_new)
        throw UserError(place, "has the id of line " + std::to_string(first->second),
                        "give each row an id of its own, or leave --id out");
    }
    if (row.row.source.empty() && !row.row.task.family.empty()) {
      row.row.source = procedural_source(row.row.task.family);
    } else if (row.row.source.empty()) {
      row.row.source = source;
      row.source_is_guessed = options.source.empty();
    }
    visit(row);
  };
  read_json_lines(file, read_row);
}

std::vector<ImportRow> read_import_rows(const std::string& file, const ImportOptions& options) {
  std::vector<ImportRow> rows;
  each_import_row(file, options, [&](const ImportRow& row) { rows.push_back(row); });
  return rows;
}

}  // namespace retort
