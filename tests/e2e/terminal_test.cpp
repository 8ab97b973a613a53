// What a person sees on the screen and what a program reads from a pipe, for every subcommand: the
// table is tests/cases/terminal.case; a command that is not in it is walked by its first row of
// tests/cases/commands.case.
#include "tests/cases/case_runner.h"
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <set>
#include <sstream>

namespace retort {
namespace {

using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;

const std::string kRedraw = "\r\x1b[K";

std::string without(std::string text, const std::string& part) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at))
    text.erase(at, part.size());
  return text;
}

// What a terminal received, its line ends as the program wrote them.
std::string received(const std::string& text) {
  std::string lines = text;
  for (size_t at = lines.find("\r\n"); at != std::string::npos; at = lines.find("\r\n", at))
    lines.erase(at, 1);
  return lines;
}

bool is_plain(const std::string& text) { return text.find_first_of("\x1b\r") == std::string::npos; }

// Escapes that set a colour are taken out.
std::string without_colours(const std::string& text) {
  std::string rest;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "\x1b[") == 0) {
      const size_t end = text.find_first_not_of("0123456789;", i + 2);
      if (end != std::string::npos && text[end] == 'm') {
        i = end;
        continue;
      }
    }
    rest += text[i];
  }
  return rest;
}

// How a command is started: `redirections` behind it, and the terminal, if any, around it.
struct Surroundings {
  std::string environment;   // "NO_COLOR=1 TERM=xterm"
  std::string options;       // " --quiet"
  std::string redirections;  // ">'TMP/stdout' 2>'TMP/stderr'"
  bool is_terminal = false;
  bool is_slow = false;  // rows that come slowly do so; else all come at once
};

struct Seen {
  int code = -1;
  std::string terminal, out, err;
  bool is_listed = true;  // a row of terminal.case, which says whether it is live
};

// A command of the shell, in which $RETORT_PROGRAM is the program.
ProgramResult run_shell(const std::string& command) {
  return run_retort("--version >/dev/null; " + command);
}

// A row of the table in `folder`, where the rows before it were run the same way.
Seen run_row(const tests::TextCase& row, const Surroundings& around,
             const TemporaryFolder& folder) {
  const auto in_folder = [&](std::string text) {
    for (size_t at = text.find("TMP"); at != std::string::npos; at = text.find("TMP"))
      text.replace(at, 3, folder.path());
    return text;
  };
  write_text(folder.path("in"), row.get("in", ""));
  write_text(folder.path("stdout"), "");
  write_text(folder.path("stderr"), "");
  const bool slow = row.get("slow", "no") == "yes" && around.is_slow;
  const std::string slowly = slow ? "(sleep 2.5; cat TMP/in) | " : "";
  write_text(folder.path("typed"),
             in_folder(slowly + around.environment + " \"$RETORT_PROGRAM\" " + row.require("run") +
                       around.options + (slowly.empty() ? " <TMP/in " : " ") + around.redirections +
                       "\n"));
  const std::string typed = "bash '" + folder.path("typed") + "'";
  const ProgramResult result =
      run_shell(around.is_terminal ? "script -qec \"" + typed + "\" /dev/null </dev/null" : typed);
  return {result.code, received(result.out), file_text(folder.path("stdout")),
          file_text(folder.path("stderr"))};
}

// "train", "tasks make".
std::string command_of(const tests::TextCase& row) {
  std::istringstream words(row.require("run"));
  std::string name, second;
  words >> name >> second;
  return name == "tasks" ? name + " " + second : name;
}

// The whole table in one way; `look` judges what was seen. Which commands that were.
std::set<std::string> walk(
    const Surroundings& around,
    const std::function<void(const tests::TextCase& row, const Seen& seen)>& look) {
  const TemporaryFolder folder;
  std::set<std::string> walked;
  tests::run_cases("terminal.case", [&](const tests::TextCase& row) {
    SCOPED_TRACE(row.place());
    for (const char* key : {"live", "rows", "slow"}) {
      const std::string value = row.get(key, "no");
      EXPECT_TRUE(value == "yes" || value == "no") << key;
    }
    const Seen seen = run_row(row, around, folder);
    EXPECT_EQ(std::to_string(seen.code), row.get("code", "0")) << seen.terminal << seen.err;
    look(row, seen);
    walked.insert(command_of(row));
  });
  tests::run_cases("commands.case", [&](const tests::TextCase& row) {
    for (const char* key : {"in", "code", "out", "err"}) row.get(key, "");
    if (row.require("run").starts_with("-") || row.require("run").starts_with("help")) return;
    if (!walked.insert(command_of(row)).second) return;
    SCOPED_TRACE(row.place());
    Seen seen = run_row(row, around, folder);
    seen.is_listed = false;
    look(row, seen);
  });
  return walked;
}

bool is_live(const tests::TextCase& row) { return row.get("live", "no") == "yes"; }

TEST(Terminal, ProgressIsOneLiveLineAndColoursAreAll) {
  walk({"TERM=xterm", "", ">TMP/stdout", true, true},
       [](const tests::TextCase& row, const Seen& seen) {
         EXPECT_TRUE(is_plain(without_colours(without(seen.terminal, kRedraw)))) << seen.terminal;
         EXPECT_TRUE(is_plain(seen.out)) << "stdout is a file: " << seen.out;
         if (is_live(row)) {
           EXPECT_NE(seen.terminal, "") << "no live line";
         }
       });
}

TEST(Terminal, TablesOnATerminalHaveColoursAtMost) {
  walk({"TERM=xterm", "", "2>TMP/stderr", true}, [](const tests::TextCase&, const Seen& seen) {
    EXPECT_TRUE(is_plain(without_colours(seen.terminal))) << seen.terminal;
    EXPECT_TRUE(is_plain(seen.err)) << "stderr is a file: " << seen.err;
  });
}

TEST(Terminal, NoColorLeavesTheLiveLineOnly) {
  walk({"NO_COLOR=1 TERM=xterm", "", "", true}, [](const tests::TextCase&, const Seen& seen) {
    EXPECT_TRUE(is_plain(without(seen.terminal, kRedraw))) << seen.terminal;
  });
}

TEST(Terminal, ADumbTerminalGetsPlainLines) {
  walk({"TERM=dumb", "", "", true}, [](const tests::TextCase&, const Seen& seen) {
    EXPECT_TRUE(is_plain(seen.terminal)) << seen.terminal;
  });
}

TEST(Terminal, APipeGetsPlainLinesAndRowsAreNothingElse) {
  walk({"", "", ">TMP/stdout 2>TMP/stderr", false, true},
       [](const tests::TextCase& row, const Seen& seen) {
         EXPECT_TRUE(is_plain(seen.out)) << seen.out;
         EXPECT_TRUE(is_plain(seen.err)) << seen.err;
         if (seen.is_listed) {
           EXPECT_EQ(seen.err.empty(), !is_live(row) && row.get("code", "0") == "0") << seen.err;
         }
         if (row.get("rows", "no") != "yes") return;
         std::istringstream lines(seen.out);
         int count = 0;
         for (std::string line; std::getline(lines, line); ++count)
           EXPECT_TRUE(nlohmann::json::parse(line, nullptr, false).is_object()) << line;
         EXPECT_GT(count, 0);
       });
}

TEST(Terminal, QuietLeavesTheAnswerAndErrors) {
  const std::set<std::string> walked = walk({"TERM=xterm", " --quiet", ">TMP/stdout", true, true},
                                            [](const tests::TextCase& row, const Seen& seen) {
                                              if (row.get("code", "0") == "0") {
                                                EXPECT_EQ(seen.terminal, "");
                                              } else {
                                                EXPECT_TRUE(seen.terminal.starts_with("retort: "))
                                                    << seen.terminal;
                                              }
                                            });
  for (const std::string& above : {std::string(), std::string("tasks ")}) {
    const std::string usage = run_retort(above).out;
    std::istringstream lines(usage.substr(usage.find("commands:\n") + 10));
    for (std::string line; std::getline(lines, line) && line.starts_with("  ");) {
      const std::string name = above + line.substr(2, line.find(' ', 2) - 2);
      EXPECT_TRUE(walked.contains(name) || name == "tasks") << name << " was not walked";
    }
  }
}

// Rows of a terminal are asked for in words.
TEST(Terminal, APersonIsToldThatTheTerminalIsRead) {
  const TemporaryFolder folder;
  write_text(folder.path("typed"),
             "\"$RETORT_PROGRAM\" score --reward exact_match >'" + folder.path("out") + "'\n");
  const ProgramResult result = run_shell(
      "{ (sleep 0.5; echo '{\"completion\":\"a\",\"answer\":\"a\"}'; sleep 0.5; printf '\\004') | "
      "TERM=dumb script -qec 'bash " +
      folder.path("typed") + "' /dev/null; }");
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NE(result.out.find("Ctrl-D ends them"), std::string::npos) << result.out;
  EXPECT_NE(file_text(folder.path("out")).find("\"score\":1.0"), std::string::npos);
}

}  // namespace
}  // namespace retort
