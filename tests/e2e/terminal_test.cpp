// What a person sees on a screen and what a program reads from a pipe, for every subcommand. The
// table is tests/cases/terminal.case.
#include "tests/cases/case_runner.h"
#include "tests/e2e/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <spawn.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): posix_openpt
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <sstream>
#include <thread>

namespace retort {
namespace {

using testing::file_text;
using testing::TemporaryFolder;
using testing::write_text;

const std::string kRedraw = "\r\x1b[K";

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + by.size()))
    text.replace(at, part.size(), by);
  return text;
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

struct Seen {
  int code = -1;       // 124: it was still there after a minute
  std::string screen;  // what the terminal received, line ends as the program wrote them
  std::string out, err, json_out;
};

// A command of the shell with a terminal of its own as its three streams, on which `typed` is
// typed.
Seen on_terminal(const std::string& command, const std::string& typed) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const int screen = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  std::array<char, 64> name{};
  if (screen < 0 || ::grantpt(screen) != 0 || ::unlockpt(screen) != 0 ||
      ::ptsname_r(screen, name.data(), name.size()) != 0)
    throw std::runtime_error("no terminal");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int stream : {0, 1, 2})
    ::posix_spawn_file_actions_addopen(&actions, stream, name.data(), O_RDWR, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const char* const words[] = {"/bin/sh", "-c", command.c_str(), nullptr};
  pid_t process = -1;
  const int failure =
      ::posix_spawn(&process, words[0], &actions, &attributes, const_cast<char**>(words), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) throw std::runtime_error("no process");
  Seen seen;
  if (::write(screen, typed.data(), typed.size()) != static_cast<ssize_t>(typed.size()))
    throw std::runtime_error("not typed");
  std::array<char, 4096> bytes{};
  while (std::chrono::steady_clock::now() < end) {
    pollfd ready{screen, POLLIN, 0};
    if (::poll(&ready, 1, 100) == 0) continue;
    const ssize_t count = ::read(screen, bytes.data(), bytes.size());
    if (count <= 0) break;  // the last process that held the terminal is gone
    seen.screen.append(bytes.data(), static_cast<size_t>(count));
  }
  const bool late = std::chrono::steady_clock::now() >= end;
  if (late) ::kill(-process, SIGKILL);
  int status = 0;
  ::waitpid(process, &status, 0);
  ::close(screen);
  seen.code = late ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  seen.screen = replaced(seen.screen, "\r\n", "\n");
  return seen;
}

// How a command is started.
struct Surroundings {
  const char* name;
  const char* environment;
  const char* options;
  const char* redirections;
};
constexpr Surroundings kSurroundings[] = {
    {"pipe", "TERM=xterm", "", ">TMP/out 2>TMP/err"}, {"terminal", "TERM=xterm", "", ""},
    {"no_color", "TERM=xterm NO_COLOR=1", "", ""},    {"dumb", "TERM=dumb", "", ""},
    {"quiet", "TERM=xterm", " --quiet", ">TMP/out"},
};

bool is(const tests::TextCase& row, const char* key) { return row.get(key, "no") == "yes"; }

// A row, all ways at once, each in its folder. NO_COLOR is left out where the row says that a
// terminal sees no colours, which look() checks.
std::map<std::string, Seen> run_row(const tests::TextCase& row, const TemporaryFolder& folder,
                                    bool no_color) {
  std::map<std::string, Seen> seen;
  for (const Surroundings& around : kSurroundings)
    if (no_color || std::string_view(around.name) != "no_color") seen[around.name];
  const std::string run = row.require("run");
  std::string in;
  for (int times = std::stoi(row.get("times", "1")); times > 0; --times) in += row.get("in", "");
  const bool json = is(row, "json");
  std::vector<std::thread> threads;
  for (const Surroundings& around : kSurroundings) {
    if (!seen.contains(around.name)) continue;
    threads.emplace_back([&, here = folder.path(around.name)] {
      write_text(here + "/in", in);
      const auto typed = [&](const std::string& options, const std::string& redirections) {
        return replaced(std::string("env -u NO_COLOR ") + around.environment +
                            " \"$RETORT_PROGRAM\" " + run + options + " <TMP/in " + redirections,
                        "TMP", here);
      };
      Seen& one = seen.find(around.name)->second;
      one = on_terminal(typed(around.options, around.redirections), "");
      one.out = replaced(file_text(here + "/out"), here, "TMP");
      one.err = file_text(here + "/err");
      if (std::string_view(around.name) != "pipe" || !json) return;
      on_terminal(typed(" --json", ">TMP/json 2>TMP/err"), "");
      one.json_out = file_text(here + "/json");
    });
  }
  for (std::thread& thread : threads) thread.join();
  return seen;
}

bool are_objects(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (!nlohmann::json::parse(line, nullptr, false).is_object()) return false;
  return !text.empty();
}

// What is wrong with it, a line each; "" when nothing is.
std::string faults(const tests::TextCase& row, const std::map<std::string, Seen>& all) {
  const Seen &pipe = all.at("pipe"), &terminal = all.at("terminal"), &dumb = all.at("dumb"),
             &quiet = all.at("quiet");
  const std::string code = row.get("code", "0");
  std::string found;
  const auto unless = [&](bool good, const std::string& what, const std::string& text) {
    if (!good) found += what + ": " + text + "\n";
  };
  for (const auto& [name, seen] : all)
    unless(std::to_string(seen.code) == code, name + " ends with " + std::to_string(seen.code),
           seen.screen + seen.err);
  unless(is_plain(pipe.out + pipe.err), "escapes in a pipe", pipe.out + pipe.err);
  unless(pipe.screen.empty(), "written to neither stream", pipe.screen);
  unless(is_plain(without_colours(replaced(terminal.screen, kRedraw, ""))),
         "more than colours and a live line", terminal.screen);
  unless(is_plain(dumb.screen), "escapes on a dumb terminal", dumb.screen);
  if (const auto no_color = all.find("no_color"); no_color == all.end()) {
    unless(without_colours(terminal.screen) == terminal.screen, "has colours", terminal.screen);
  } else {
    const std::string& screen = no_color->second.screen;
    unless(is_plain(replaced(screen, kRedraw, "")), "colours in spite of NO_COLOR", screen);
    unless(!is(row, "live") || screen.find(kRedraw) != std::string::npos,
           "no live line with NO_COLOR", screen);
  }
  unless(!is(row, "colours") || without_colours(terminal.screen) != terminal.screen, "no colours",
         terminal.screen);
  unless(!is(row, "rows") || are_objects(pipe.out), "no rows of objects", pipe.out);
  unless(!is(row, "json") || are_objects(pipe.json_out), "no objects with --json", pipe.json_out);
  const bool one_line =
      quiet.screen.starts_with("retort: ") && quiet.screen.find('\n') == quiet.screen.size() - 1;
  unless(code == "0" ? quiet.screen.empty() : one_line, "not quiet", quiet.screen);
  unless(is(row, "varies") || quiet.out == pipe.out, "another answer with --quiet", quiet.out);
  if (!is(row, "live")) return found;
  unless(terminal.screen.find(kRedraw) != std::string::npos, "no live line", terminal.screen);
  unless(!pipe.err.empty(), "no progress in a pipe", pipe.err);
  unless(dumb.screen.size() > pipe.out.size(), "no progress on a dumb terminal", dumb.screen);
  return found;
}

// "train", "tasks make".
std::string command_of(const tests::TextCase& row) {
  std::istringstream words(row.require("run"));
  std::string name, second;
  words >> name >> second;
  return name == "tasks" ? name + " " + second : name;
}

// The sections of docs/commands.md, which the program's tables make: name and help.
std::map<std::string, std::string> commands() {
  const std::string page = file_text("docs/commands.md");
  std::map<std::string, std::string> helps;
  for (size_t at = page.find("\n## `"); at != std::string::npos;) {
    const size_t next = page.find("\n## `", at + 1), end = page.find('`', at + 5);
    helps[page.substr(at + 5, end - at - 5)] = page.substr(end, next - end);
    at = next;
  }
  helps.erase("tasks");  // it has subcommands
  return helps;
}

TEST(Terminal, EveryCommandOnATerminalInAPipeAndQuiet) {
  const TemporaryFolder folder;
  for (const Surroundings& around : kSurroundings) {
    const std::string here = folder.path(around.name);
    std::filesystem::create_directory(here);
    write_text(here + "/slow",
               "#!/bin/sh\nwhile read -r line; do sleep 0.02; id=${line#*'\"id\":'}\n"
               "echo \"{\\\"id\\\":${id%%,*},\\\"score\\\":1}\"; done\n");
    std::filesystem::permissions(here + "/slow", std::filesystem::perms::owner_all);
  }
  std::set<std::string> walked, for_programs;
  int live = 0, coloured = 0;
  tests::run_cases("terminal.case", [&](const tests::TextCase& row) {
    for (const char* key : {"rows", "json", "live", "varies", "colours"}) {
      const std::string value = row.get(key, "no");
      EXPECT_TRUE(value == "yes" || value == "no") << key;
    }
    EXPECT_EQ(faults(row, run_row(row, folder, is(row, "colours") || is(row, "live"))), "");
    walked.insert(command_of(row));
    if (is(row, "json") || is(row, "rows")) for_programs.insert(command_of(row));
    live += is(row, "live") ? 1 : 0;
    coloured += is(row, "colours") ? 1 : 0;
  });
  EXPECT_GT(live, 0);
  EXPECT_GT(coloured, 0);
  const std::string path = "tests/cases/commands.case";
  for (const tests::TextCase& row : tests::parse_cases(file_text(path), path)) {
    if (row.get("code", "0") != "0" || !commands().contains(command_of(row))) continue;
    if (!walked.insert(command_of(row)).second) continue;
    SCOPED_TRACE(row.place());
    // How its answer is compared is said in terminal.case only.
    std::map<std::string, Seen> seen = run_row(row, folder, true);
    seen["quiet"].out = seen["pipe"].out;
    EXPECT_EQ(faults(row, seen), "");
  }
  for (const auto& [name, help] : commands()) {
    EXPECT_TRUE(walked.contains(name)) << name << " has a row in neither file";
    if (help.find(" --json ") != std::string::npos) {
      EXPECT_TRUE(for_programs.contains(name)) << name << " knows --json and has no such row";
    }
  }
}

// Each kind of fault, in the answers of a command that would do everything right.
TEST(Terminal, FaultsAreSeen) {
  const auto row = [](const char* keys) {
    return tests::parse_cases(std::string("case: a\nrun: a\n") + keys, "").front();
  };
  const std::string live = "1 row\n" + kRedraw + "2 rows\n{}\n", coloured = "\x1b[31m{}\x1b[0m\n";
  const std::map<std::string, Seen> good = {{"pipe", {0, "", "{}\n", "2 rows\n", "{}\n"}},
                                            {"terminal", {0, live + coloured, "", "", ""}},
                                            {"no_color", {0, live, "", "", ""}},
                                            {"dumb", {0, "2 rows\n{}\n", "", "", ""}},
                                            {"quiet", {0, "", "{}\n", "", ""}}};
  const tests::TextCase all = row("rows: yes\njson: yes\nlive: yes\ncolours: yes\n");
  EXPECT_EQ(faults(all, good), "");
  const auto found = [&](const char* what, const auto& change, const tests::TextCase& of) {
    std::map<std::string, Seen> bad = good;
    change(bad);
    EXPECT_NE(faults(of, bad).find(what), std::string::npos) << what << '\n' << faults(of, bad);
  };
  using All = std::map<std::string, Seen>;
  found(
      "ends with 1", [](All& bad) { bad["dumb"].code = 1; }, all);
  found(
      "in a pipe", [](All& bad) { bad["pipe"].err = "\r"; }, all);
  found(
      "neither stream", [](All& bad) { bad["pipe"].screen = "a"; }, all);
  found(
      "more than colours", [](All& bad) { bad["terminal"].screen += "\x1b[2J"; }, all);
  found(
      "dumb terminal", [&](All& bad) { bad["dumb"].screen += coloured; }, all);
  found(
      "spite of NO_COLOR", [&](All& bad) { bad["no_color"].screen += coloured; }, all);
  found(
      "with NO_COLOR", [](All& bad) { bad["no_color"].screen = "{}\n"; }, all);
  found(
      "no colours", [&](All& bad) { bad["terminal"].screen = live; }, all);
  found(
      "has colours", [](All& bad) { bad.erase("no_color"); }, row(""));
  found(
      "no rows", [](All& bad) { bad["pipe"].out = "{}\nfine\n"; }, all);
  found(
      "with --json", [](All& bad) { bad["pipe"].json_out = ""; }, all);
  found(
      "not quiet", [](All& bad) { bad["quiet"].screen = "2 rows\n"; }, all);
  found(
      "not quiet", [](All&) {}, row("code: 2\n"));
  found(
      "another answer", [](All& bad) { bad["quiet"].out = ""; }, all);
  found(
      "no live line", [](All& bad) { bad["terminal"].screen = "\x1b[31m{}\x1b[0m\n"; }, all);
  found(
      "progress in a pipe", [](All& bad) { bad["pipe"].err = ""; }, all);
  found(
      "on a dumb", [](All& bad) { bad["dumb"].screen = "{}\n"; }, all);
}

// Rows that are read from a terminal are asked for in words; a chat shows where to write.
TEST(Terminal, APersonIsToldThatTheTerminalIsRead) {
  const std::string score = "TERM=dumb \"$RETORT_PROGRAM\" score --reward exact_match";
  const std::string row = "{\"completion\":\"a\",\"answer\":\"a\"}\n\x04";
  const std::string chat =
      "\"$RETORT_PROGRAM\" chat --model configs/tiny_base --chat-template "
      "configs/plain_chat.jinja";
  const auto start = [](const std::string& command, const std::string& typed) {
    return std::async(std::launch::async, on_terminal, command, typed);
  };
  std::future<Seen> started[] = {start(score, row), start(score + " --quiet", row),
                                 start(chat, "/exit\n"), start(chat + " --quiet", "/exit\n")};
  const Seen told = started[0].get(), quiet = started[1].get();
  EXPECT_EQ(told.code, 0) << told.screen;
  EXPECT_NE(told.screen.find("Ctrl-D ends them"), std::string::npos) << told.screen;
  EXPECT_NE(told.screen.find("\"score\":1.0"), std::string::npos) << told.screen;
  EXPECT_EQ(quiet.screen.find("Ctrl-D"), std::string::npos) << quiet.screen;
  EXPECT_TRUE(started[2].get().screen.ends_with("> "));
  EXPECT_EQ(started[3].get().screen, "/exit\n");
}

}  // namespace
}  // namespace retort
