// Pages of docs/ that are made from the program's tables: the page and the table say the same.
//   RETORT_WRITE_DOCS=1 tools/test.sh -R generated_pages     writes them anew
#include "base/config.h"
#include "base/metric.h"
#include "rewards/registry.h"
#include "tests/e2e/program.h"
#include "tools/retort/run_config.h"
#include "tools/retort/sft_config.h"

#include <gtest/gtest.h>

#include <cstdlib>
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

// The pages for people who come from elsewhere name keys that exist, and their example is a
// configuration.
TEST(GeneratedPages, ComingFromPagesNameKeysThatExist) {
  const std::string keys = testing::file_text("docs/config.md");
  for (const char* page : {"docs/coming-from-verl.md", "docs/coming-from-trl.md"}) {
    const std::string text = testing::file_text(page);
    static const std::regex kKey(
        "`((?:train|rollout|learner|tasks|mismatch|model|run|eval)\\.[a-z_]+)`");
    int named = 0;
    for (std::sregex_iterator match(text.begin(), text.end(), kKey), end; match != end; ++match) {
      ++named;
      EXPECT_TRUE(keys.find("`" + (*match)[1].str() + "`") != std::string::npos)
          << page << ": " << (*match)[1];
    }
    EXPECT_GT(named, 20) << page;
    const size_t begin = text.find("```toml\n") + 8;
    const testing::TemporaryFolder folder;
    testing::write_text(folder.path("example.toml"),
                        text.substr(begin, text.find("```", begin) - begin));
    EXPECT_EQ(load_run_config(folder.path("example.toml"), {}).train.updates_per_step, 2) << page;
  }
}

}  // namespace
}  // namespace retort
