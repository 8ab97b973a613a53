#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  FileTest()
      : folder_(fs::temp_directory_path() / ("retort_file_test_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~FileTest() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  const fs::path folder_;
};

template <class Action>
std::string user_error(const Action& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST_F(FileTest, WritesWholeFilesAndLeavesNothingBeside) {
  std::string bytes("a\0b\n", 4);
  bytes.append(200000, 'x');
  write_file_atomic(path("a"), bytes);
  EXPECT_EQ(read_file(path("a")), bytes);
  write_file_atomic(path("a"), "");
  EXPECT_EQ(read_file(path("a")), "");
  EXPECT_EQ(list_folder(folder_.string()), (std::vector<std::string>{"a"}));
}

TEST_F(FileTest, AFailedWriteLeavesTheOldFile) {
  fs::create_directories(path("folder/below"));
  EXPECT_NE(user_error([&] { write_file_atomic(path("folder"), "x"); }), "");
  EXPECT_TRUE(fs::is_directory(path("folder/below")));
  EXPECT_EQ(list_folder(folder_.string()), (std::vector<std::string>{"folder"}));
}

// A writer that is killed at any moment leaves the old bytes or the new ones.
TEST_F(FileTest, AKilledWriterLeavesOldOrNew) {
  const std::string a(300000, 'a'), b(300000, 'b');
  write_file_atomic(path("f"), a);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) {
        write_file_atomic(path("f"), b);
        write_file_atomic(path("f"), a);
      }
    }
    ::usleep(static_cast<useconds_t>(500 + 700 * i));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string found = read_file(path("f"));
    EXPECT_TRUE(found == a || found == b);
  }
}

TEST_F(FileTest, FailuresNameThePath) {
  EXPECT_EQ(user_error([&] { read_file(path("none")); }).substr(0, path("none").size() + 16),
            path("none") + ": cannot be read");
  EXPECT_NE(user_error([&] { read_file(folder_.string()); }), "");
  EXPECT_NE(user_error([&] { write_file_atomic(path("none/f"), "x"); }), "");
  EXPECT_NE(user_error([&] { list_folder(path("none")); }), "");
  write_file_atomic(path("f"), "x");
  EXPECT_NE(user_error([&] { make_folder(path("f")); }), "");
  EXPECT_NE(user_error([&] { make_folder(path("f/below")); }), "");
  EXPECT_NE(user_error([&] { rename_durably(path("none"), path("g")); }), "");
}

TEST_F(FileTest, FoldersLinksAndNames) {
  make_folder(path("a/b/c"));
  make_folder(path("a/b/c"));
  EXPECT_TRUE(fs::is_directory(path("a/b/c")));
  replace_link(path("best"), "a");
  replace_link(path("best"), "a/b");
  EXPECT_EQ(fs::read_symlink(path("best")), "a/b");
  rename_durably(path("a/b/c"), path("d"));
  EXPECT_EQ(list_folder(folder_.string()), (std::vector<std::string>{"a", "best", "d"}));
  EXPECT_EQ(folder_of("a/b/c"), "a/b");
  EXPECT_EQ(folder_of("a"), ".");
  EXPECT_EQ(folder_of("/a"), "/");
  EXPECT_EQ(name_of("a/b"), "b");
  EXPECT_EQ(name_of("a"), "a");
}

TEST_F(FileTest, LineFileGrowsByLinesAndCanBeCut) {
  {
    LineFile file(path("l"));
    file.append_line("one");
    file.append_line("two");
    EXPECT_EQ(file.size(), 8u);
    EXPECT_EQ(read_file(path("l")), "one\ntwo\n");
    file.sync();
  }
  {
    LineFile file(path("l"), 4);
    file.append_line("three");
    EXPECT_EQ(file.size(), 10u);
  }
  EXPECT_EQ(read_file(path("l")), "one\nthree\n");
  EXPECT_NE(user_error([&] { LineFile file(path("none/l")); }), "");
}

// ---- JSON Lines

std::string lines_error(const std::string& text) {
  return user_error([&] { parse_json_lines(text, "in.jsonl", [](const auto&, const auto&) {}); });
}

TEST(JsonLines, CallsForEachObjectWithItsPlace) {
  std::vector<std::string> seen;
  parse_json_lines("{\"a\": 1}\n\n  \r\n{\"a\": 2}\r\n{\"a\": \"\\u00e9\"}", "in.jsonl",
                   [&](const nlohmann::ordered_json& object, const std::string& place) {
                     seen.push_back(place + " " + object["a"].dump());
                   });
  EXPECT_EQ(seen, (std::vector<std::string>{"in.jsonl:1 1", "in.jsonl:4 2", "in.jsonl:5 \"é\""}));
  parse_json_lines(R"({"b": 1, "a": 2})", "in.jsonl",
                   [](const nlohmann::ordered_json& object, const std::string&) {
                     EXPECT_EQ(object.dump(), R"({"b":1,"a":2})");
                   });
}

TEST(JsonLines, ABrokenLineIsNamed) {
  EXPECT_EQ(lines_error("{}\n{\"a\": }\n").substr(0, 12), "in.jsonl:2: ");
  EXPECT_EQ(lines_error("{}\n{}\n{\"a\": 1").substr(0, 12), "in.jsonl:3: ");
  EXPECT_EQ(lines_error("[1]"), "in.jsonl:1: got an array; write one JSON object a line");
  EXPECT_EQ(lines_error("7"), "in.jsonl:1: got a number; write one JSON object a line");
  EXPECT_EQ(lines_error("{}{}").substr(0, 12), "in.jsonl:1: ");
  EXPECT_EQ(lines_error("{}\n{\"a\": \"x\xff\"}\n"),
            "in.jsonl:2: byte 9 of the line is not valid UTF-8; write the file as UTF-8");
  for (const std::string& text :
       {lines_error("{\"a"), lines_error("{\"a\": 1e999}"), lines_error("nul")}) {
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_EQ(text.find("json.exception"), std::string::npos);
  }
}

TEST(JsonLines, WhatADocumentTreeCannotHoldIsNamed) {
  EXPECT_EQ(lines_error("{}\n{\"a\": [1, 100000000000000000000]}"),
            "in.jsonl:2: the number 100000000000000000000 leaves 64 bits; write it as a string");
  std::string seen;
  parse_json_lines("{\"a\": 100000000000000000000}", "in.jsonl",
                   JsonLine([&](const auto&, std::string_view line, const auto&) { seen = line; }));
  EXPECT_EQ(seen, "{\"a\": 100000000000000000000}");
  EXPECT_NE(lines_error(R"({"a": -9223372036854775809})"), "");
  EXPECT_EQ(lines_error(R"({"a": [-9223372036854775808, 18446744073709551615, -0, 1e20, 1.0]})"),
            "");
  EXPECT_EQ(lines_error(R"({"a\"100000000000000000000": "-\\\"100000000000000000000"})"), "");
  const auto nested = [](size_t depth) {
    return "{\"a\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(lines_error(nested(900)), "");
  EXPECT_NE(lines_error(nested(100'000)).find("nested deeper than 1000 levels"), std::string::npos);
  EXPECT_EQ(lines_error("{\"a\": \"" + std::string(2000, '[') + "\"}"), "");
  // A tree would keep one of the two.
  EXPECT_NE(lines_error(R"({"a": 1, "b": [{"c": 1}, {"c": 2, "\u0063": 3}]})")
                .find("the key \"c\" stands twice; write it once"),
            std::string::npos);
  EXPECT_EQ(lines_error(R"({"a": {"a": 1}, "b": [{"a": 2}, {"a": 3}]})"), "");
}

TEST_F(FileTest, JsonLinesOfAFile) {
  write_file_atomic(path("in.jsonl"), "{\"a\": 1}\n{\n");
  int rows = 0;
  EXPECT_EQ(user_error([&] {
              read_json_lines(path("in.jsonl"), [&](const auto&, const auto&) { ++rows; });
            }).substr(0, path("in.jsonl").size() + 3),
            path("in.jsonl") + ":2:");
  EXPECT_EQ(rows, 1);
  EXPECT_NE(user_error([&] { read_json_lines(path("none"), [](const auto&, const auto&) {}); }),
            "");
  write_file_atomic(path("empty.jsonl"), "\n\n");
  EXPECT_EQ(
      user_error([&] { read_json_lines(path("empty.jsonl"), [](const auto&, const auto&) {}); }),
      path("empty.jsonl") + ": has no rows; write one JSON object a line");
}

// The writer is the test itself, at the reader's rest: what came at once is read at once, and the
// end is no rest.
TEST_F(FileTest, AReaderRestsWhenItsWriterPauses) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int writer = ::open(path("pipe").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  const auto write_rows = [&](int count) {
    std::string rows;
    for (int i = 0; i < count; ++i) rows += "{\"a\": 1}\n";
    ASSERT_EQ(::write(writer, rows.data(), rows.size()), static_cast<ssize_t>(rows.size()));
  };
  write_rows(200);
  int rows = 0;
  std::vector<int> rests;
  read_json_lines(path("pipe"), JsonRow([&](const auto&, const auto&) { ++rows; }), [&] {
    rests.push_back(rows);
    if (rests.size() == 1)
      write_rows(1);
    else
      ::close(writer);
  });
  EXPECT_EQ(rests, (std::vector<int>{200, 201}));
  EXPECT_EQ(rows, 201);
}

TEST(Json, QuotesAndKeepsUtf8) {
  EXPECT_EQ(json_quote("a\"\\\n\x01é😀"), "\"a\\\"\\\\\\n\\u0001é😀\"");
  EXPECT_EQ(json_quote("\xff"), "\"\xef\xbf\xbd\"");
}

// Table 3-7 of the Unicode standard: what is well formed and what is not.
TEST(Json, Utf8IsCheckedByTheStandardsTable) {
  for (const std::string& good :
       {std::string("\0", 1), std::string("\x7f"), std::string("\xc2\x80"), std::string("\xdf\xbf"),
        std::string("\xe0\xa0\x80"), std::string("\xed\x9f\xbf"), std::string("\xee\x80\x80"),
        std::string("\xef\xbf\xbf"), std::string("\xf0\x90\x80\x80"),
        std::string("\xf4\x8f\xbf\xbf")})
    EXPECT_EQ(find_invalid_utf8(good), std::string::npos);
  for (const std::string& bad :
       {std::string("\x80"), std::string("\xc0\x80"), std::string("\xc1\xbf"),
        std::string("\xe0\x9f\xbf"), std::string("\xed\xa0\x80"), std::string("\xf0\x8f\xbf\xbf"),
        std::string("\xf4\x90\x80\x80"), std::string("\xf5\x80\x80\x80"), std::string("\xc2"),
        std::string("\xe2\x82"), std::string("\xe2\x28\xa1"), std::string("\xf0\x9f\x98"),
        std::string("\xf0\x9f\x98\x28")})
    EXPECT_EQ(find_invalid_utf8("ab" + bad), 2u);
}

// ---- Ctrl-C

TEST(Interrupt, FirstSignalSetsTheFlagTheSecondEndsTheProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    watch_interrupts();
    if (interrupted()) ::_exit(1);
    ::raise(SIGINT);
    if (!interrupted()) ::_exit(2);
    clear_interrupt();
    if (interrupted()) ::_exit(3);
    ::raise(SIGTERM);
    if (!interrupted()) ::_exit(4);
    ::raise(SIGINT);
    ::_exit(5);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
}

}  // namespace
}  // namespace retort
