// Pages of docs/ that are made from the program's tables: the page and the table say the same.
//   RETORT_WRITE_DOCS=1 tools/test.sh -R generated_pages     writes them anew
#include "base/config.h"
#include "base/metric.h"
#include "rewards/registry.h"
#include "tests/e2e/program.h"
#include "tools/retort/run_config.h"
#include "tools/retort/sft_config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace retort {
namespace {

constexpr const char* kMade =
    "Made from the program's tables by `generated_pages_test`; change those, not this page.\n\n";

void expect_page(const std::string& path, const std::string& text) {
  if (std::getenv("RETORT_WRITE_DOCS") != nullptr) testing::write_text(path, text);
  EXPECT_TRUE(testing::file_text(path) == text)
      << path << " is old: RETORT_WRITE_DOCS=1 tools/test.sh -R generated_pages writes it anew";
}

template <class Rows>
std::string table(const std::string& title, const Rows& rows) {
  std::string text = "\n## " + title + "\n\n| name | meaning |\n|---|---|\n";
  for (const auto& row : rows)
    text += "| `" + std::string(row.name) + "` | " + std::string(row.help) + " |\n";
  return text;
}

TEST(GeneratedPages, Config) {
  RunConfig run;
  config::Binder run_binder;
  run.bind(run_binder);
  SftConfig sft;
  config::Binder sft_binder;
  sft.bind(sft_binder);
  expect_page("docs/config.md", "# Configuration\n\n" + std::string(kMade) +
                                    "`--set KEY=VALUE` overrides a file. `retort train CONFIG "
                                    "--explain` says what would run.\n\n"
                                    "# `retort train`\n\n" +
                                    run_binder.markdown() +
                                    table("Values of `learner.advantage`", advantage_rows()) +
                                    table("Values of `learner.policy_loss`", policy_loss_rows()) +
                                    table("Values of `learner.aggregation`", aggregation_rows()) +
                                    table("Values of `learner.kl`", kl_rows()) +
                                    table("Values of `rewards[].name`", reward_rows()) +
                                    "\n# `retort sft`\n\n" + sft_binder.markdown());
}

TEST(GeneratedPages, Metrics) {
  expect_page("docs/metrics.md",
              "# Metrics\n\n" + std::string(kMade) +
                  "One object a step in `metrics.jsonl`, a row a metric in `run.db`. The "
                  "deterministic ones are the same bits in every run of a configuration; `retort "
                  "compare --assert-equal` compares them.\n\n" +
                  metric_markdown());
}

// The names of the list that a usage holds.
std::vector<std::string> commands_of(const std::string& usage) {
  std::vector<std::string> names;
  const size_t list = usage.find("commands:\n");
  if (list == std::string::npos) return names;
  std::istringstream lines(usage.substr(list + 10));
  for (std::string line; std::getline(lines, line) && line.starts_with("  ");)
    std::istringstream(line) >> names.emplace_back();
  return names;
}

TEST(GeneratedPages, Commands) {
  std::string text = "# Commands\n\n" + std::string(kMade);
  const std::string usage = testing::run_retort("").out;
  text += "```\n" + usage + "```\n";
  const auto add = [&](const std::string& name) {
    const testing::ProgramResult help = testing::run_retort(name + " --help");
    EXPECT_EQ(help.code, 0) << name;
    text += "\n## `" + name + "`\n\n```\n" + help.out + "```\n";
    return commands_of(help.out);
  };
  for (const std::string& name : commands_of(usage))
    for (const std::string& below : add(name)) add(name + " " + below);
  expect_page("docs/commands.md", text);
}

// The keys that a cell of a table names, as `train.steps`.
std::vector<std::string> keys_of(const std::string& cell) {
  static const std::regex kKey("`([a-z]+\\.[a-z_0-9]+)`");
  std::vector<std::string> keys;
  for (std::sregex_iterator match(cell.begin(), cell.end(), kKey), end; match != end; ++match)
    keys.push_back((*match)[1]);
  return keys;
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  for (size_t begin = 2, at = row.find(" |", 1); at != std::string::npos;
       begin = at + 3, at = row.find(" |", at + 2))
    cells.push_back(begin <= at ? row.substr(begin, at - begin) : "");
  return cells;
}

// The text of the first block in `language` of a page.
std::string block_of(const std::string& page, const std::string& language) {
  const size_t begin = page.find("```" + language + "\n") + language.size() + 4;
  return page.substr(begin, page.find("```", begin) - begin);
}

const std::vector<std::string> kComingFrom = {"docs/coming-from-verl.md",
                                              "docs/coming-from-trl.md"};

// The pages for people who come from elsewhere name keys that exist, with their defaults.
TEST(GeneratedPages, ComingFromPagesNameKeysAndDefaults) {
  const std::string config = testing::file_text("docs/config.md");
  for (const std::string& page : kComingFrom) {
    std::istringstream lines(testing::file_text(page));
    int named = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("| `")) continue;
      const std::vector<std::string> cells = cells_of(line);
      ASSERT_EQ(cells.size(), 4u) << line;
      std::string defaults;
      for (const std::string& key : keys_of(cells[0])) {
        ++named;
        const size_t row = config.find("\n| `" + key + "` | ");
        ASSERT_NE(row, std::string::npos) << page << " names " << key;
        const std::string about = config.substr(row + 1, config.find('\n', row + 1) - row - 1);
        defaults += (defaults.empty() ? "" : ", ") + cells_of(about)[2];
      }
      // A row about one value of a key says nothing of its default.
      EXPECT_EQ(cells[1], cells[0].find(" = ") == std::string::npos ? defaults : "") << line;
    }
    EXPECT_GT(named, 20) << page;
  }
}

// Their example is pasted as it stands: the configuration into grpo.toml, the commands but for the
// last, which is the whole run, into a shell. In place of the models stands the tiny base with a
// chat template.
TEST(GeneratedPages, ComingFromExamplesRunAsTheyStand) {
  namespace fs = std::filesystem;
  const testing::TemporaryFolder folder;
  fs::create_directory_symlink(fs::absolute("docs"), folder.path("docs"));
  fs::create_directories(folder.path("models"));
  for (const char* model : {"smollm2-135m-instruct", "qwen2.5-0.5b-instruct"}) {
    const std::string copy = folder.path("models/" + std::string(model));
    fs::copy("configs/tiny_base", copy);
    fs::copy("configs/plain_chat.jinja", copy + "/chat_template.jinja");
    // As many positions as the models that it stands for.
    testing::write_text(
        copy + "/config.json",
        std::regex_replace(testing::file_text(copy + "/config.json"),
                           std::regex("(\"max_position_embeddings\": *)[0-9]+"), "$018192"));
  }
  for (const std::string& page : kComingFrom) {
    const std::string text = testing::file_text(page);
    const std::string toml = block_of(text, "toml");
    testing::write_text(folder.path("grpo.toml"), toml);
    EXPECT_EQ(load_run_config(folder.path("grpo.toml"), {}).train.updates_per_step, 2) << page;
    std::string shell = block_of(text, "sh");
    shell.resize(shell.rfind("retort train grpo.toml\n"));
    EXPECT_EQ(std::count(shell.begin(), shell.end(), '\n'), 3) << shell;
    testing::write_text(folder.path("paste"),
                        "set -e\nretort() { \"$PROGRAM\" \"$@\"; }\n" + shell);
    fs::remove_all(folder.path("runs"));
    const testing::ProgramResult result = testing::run_retort(
        "--version > '" + folder.path("version") + "' && cd '" + folder.path() + "' && bash paste",
        "PROGRAM=\"$(realpath \"$RETORT_PROGRAM\")\"; export PROGRAM; ");
    EXPECT_EQ(result.code, 0) << page << result.err;
    const std::vector<nlohmann::json> steps = testing::metrics_of(folder.path("runs/try"));
    ASSERT_EQ(steps.size(), 3u) << page << result.err;
    EXPECT_EQ(steps.back()["step"], 2);
    EXPECT_EQ(steps.back()["mismatch/tokens"], 0);
  }
}

}  // namespace
}  // namespace retort
