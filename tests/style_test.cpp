// Rules of style that a machine can check, and the proof that each check sees a violation.
#include "tests/source_tree.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <vector>

namespace retort::tests {
namespace {

constexpr size_t kMaxLines = 600;

// Files that are data in the form of code, exempt from the line limit.
const std::set<std::string> kTables = {};

const std::vector<std::string> kCode = {".h", ".cpp", ".cu", ".cuh"};

bool is_test(const SourceFile& file) {
  return top_folder(file.path) == "tests" || file.path.ends_with("_test.cpp");
}

// A name that says nothing about what is inside.
std::vector<std::string> grab_bags(const std::vector<SourceFile>& files) {
  static const std::regex kWord("(^|[/_.])(utils?|commons?|helpers?|managers?|misc)([/_.]|$)");
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    if (std::regex_search(file.path, kWord)) found.push_back(file.path + ": name the thing");
  }
  return found;
}

std::vector<std::string> long_files(const std::vector<SourceFile>& files) {
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    const size_t lines = split_lines(file.text).size();
    if (lines > kMaxLines && !is_test(file) && !kTables.contains(file.path)) {
      found.push_back(file.path + ": " + std::to_string(lines) + " lines; at most " +
                      std::to_string(kMaxLines));
    }
  }
  return found;
}

// The C library picks its variants of these by processor, so their last bit differs between
// machines. base/exact_math.h has ours. References in double precision (`_ref.cpp`) and tests may
// use them.
std::vector<std::string> raw_libm(const std::vector<SourceFile>& files) {
  static const std::set<std::string> kFolders = {"kernels", "policy", "rollout", "learner"};
  static const std::regex kCall(
      R"((^|[^A-Za-z0-9_.>:])(std::|::)?(exp|exp2|expm1|log|log2|log10|log1p|sin|cos|tan|sinh|cosh|tanh|pow|powi|erf|atan|cbrt)[fl]?\s*\()");
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    if (!kFolders.contains(top_folder(file.path)) || is_test(file)) continue;
    if (file.path.ends_with("_ref.cpp") || file.path.ends_with(".cu")) continue;
    if (file.path == "kernels/reference_math.h") continue;
    const auto lines = split_lines(blank_comments_and_literals(file.text));
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find('(') != std::string::npos && std::regex_search(lines[i], kCall)) {
        found.push_back(file.path + ":" + std::to_string(i + 1) + ": the C library's function; " +
                        "base/exact_math.h has ours");
      }
    }
  }
  return found;
}

// Waits go through base/wait*.h, where each has a deadline, a reason and a holder.
std::vector<std::string> raw_waits(const std::vector<SourceFile>& files) {
  static const std::vector<std::regex> kWaits = {
      std::regex(R"((^|[^A-Za-z0-9_.>])(::)?(recv|recvfrom|recvmsg|poll|ppoll|pselect|epoll_wait|)"
                 R"(epoll_pwait|waitpid|waitid|wait3|wait4|zmq_poll|sleep|usleep|nanosleep|)"
                 R"(clock_nanosleep|pause|sem_wait|pthread_join|pthread_cond_wait)\s*\()"),
      std::regex(R"((^|[^A-Za-z0-9_>])::(select|accept)\s*\()"),
      std::regex(R"((\.|->)(wait|wait_for|wait_until|try_lock_for|get_future)\s*\()"),
      std::regex(R"((\.|->)join\s*\(\s*\))"),
      std::regex(R"(\b(sleep_for|sleep_until|std::future|std::async|std::latch|std::barrier)\b)"),
      std::regex(R"(zmq_(msg_)?recv\s*\((?!.*ZMQ_DONTWAIT))"),
      std::regex(R"(zmq_(msg_)?send\s*\((?!.*(ZMQ_DONTWAIT|flags)))")};
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    if (is_test(file) || file.path.ends_with("_testing.cpp")) continue;
    if (file.path.starts_with("base/wait")) continue;
    const auto lines = split_lines(blank_comments_and_literals(file.text));
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find_first_of("(:") == std::string::npos) continue;
      for (const std::regex& wait : kWaits) {
        if (!std::regex_search(lines[i], wait)) continue;
        found.push_back(file.path + ":" + std::to_string(i + 1) +
                        ": a raw wait; base/wait*.h has ours, with a deadline");
        break;
      }
    }
  }
  return found;
}

// Random numbers that differ between libraries, and heavy headers that every includer would pay
// for.
std::vector<std::string> forbidden_includes(const std::vector<SourceFile>& files) {
  static const std::regex kRandom(R"(^\s*#\s*include\s*<(random|cstdlib_rand)>)");
  static const std::regex kHeavy(
      R"(^\s*#\s*include\s*<(toml\+\+/.*|nlohmann/json\.hpp|spdlog/.*|CLI/.*|pcre2\.h|sqlite3\.h|zmq\.hpp|regex|iostream)>)");
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    const auto lines = split_lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find("include") == std::string::npos) continue;
      const std::string place = file.path + ":" + std::to_string(i + 1) + ": ";
      if (std::regex_search(lines[i], kRandom)) {
        found.push_back(place + "<random> differs between libraries; base/rng.h has ours");
      }
      if (file.path.ends_with(".h") && std::regex_search(lines[i], kHeavy)) {
        found.push_back(place + "include it in a .cpp only");
      }
    }
  }
  return found;
}

std::vector<std::string> headers_without_pragma_once(const std::vector<SourceFile>& files) {
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    if (file.path.ends_with(".h") && file.text.find("#pragma once") == std::string::npos) {
      found.push_back(file.path + ": #pragma once is missing");
    }
  }
  return found;
}

std::vector<std::string> unfinished(const std::vector<SourceFile>& files) {
  static const std::regex kMark(R"(\b(TO)(DO)\b|\bFIX(ME)\b|\bXX(X)\b)");
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    const auto lines = split_lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i], kMark)) {
        found.push_back(file.path + ":" + std::to_string(i + 1) +
                        ": unfinished work; file an issue");
      }
    }
  }
  return found;
}

// A reader that stops early ends its writer by SIGPIPE, and under `pipefail` the script with it:
// but only when the writer has more to say than a pipe holds, so it shows late and at random.
std::vector<std::string> early_readers(const std::vector<SourceFile>& files) {
  static const std::regex kReader(R"(\|\s*(head\b|grep\s+(-\w+\s+)*-\w*[qm]|sed\s.*\dq\b))");
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    const auto lines = split_lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i], kReader)) {
        found.push_back(file.path + ":" + std::to_string(i + 1) +
                        ": ends its writer by SIGPIPE; read to the end (sed -n, awk, >/dev/null)");
      }
    }
  }
  return found;
}

void expect_none(const std::vector<std::string>& found) {
  for (const std::string& violation : found) ADD_FAILURE() << violation;
}

TEST(Style, TheTreeFollowsTheRules) {
  const auto code = read_tree(".", kCode);
  ASSERT_GT(code.size(), 5U) << "run from the root of the sources";
  expect_none(long_files(code));
  expect_none(raw_libm(code));
  expect_none(raw_waits(code));
  expect_none(forbidden_includes(code));
  expect_none(headers_without_pragma_once(code));
  expect_none(unfinished(code));
  expect_none(grab_bags(read_tree(".", {""})));
  const auto scripts = read_tree(".", {".sh"});
  ASSERT_GT(scripts.size(), 5U);
  expect_none(early_readers(scripts));
}

TEST(Style, GrabBagsAreSeen) {
  EXPECT_EQ(grab_bags({{"base/utils.h", ""}}).size(), 1U);
  EXPECT_EQ(grab_bags({{"rollout/common/a.h", ""}}).size(), 1U);
  EXPECT_EQ(grab_bags({{"rollout/cache_manager.h", ""}}).size(), 1U);
  EXPECT_EQ(grab_bags({{"base/units.h", ""}, {"tasks/commonplace.h", ""}}).size(), 0U);
}

TEST(Style, LongFilesAreSeen) {
  std::string text;
  for (size_t i = 0; i < kMaxLines; ++i) text += "int x;\n";
  EXPECT_EQ(long_files({{"base/a.cpp", text}}).size(), 0U);
  text += "int y;\n";
  EXPECT_EQ(long_files({{"base/a.cpp", text}}).size(), 1U);
  EXPECT_EQ(long_files({{"kernels/gemm/gemm_test.cpp", text}, {"tests/a.cpp", text}}).size(), 0U);
}

TEST(Style, TheCLibrarysFunctionsAreSeen) {
  const auto seen = [](const std::string& path, const std::string& line) {
    return raw_libm({{path, line}}).size();
  };
  EXPECT_EQ(seen("kernels/a/a_cpu.cpp", "x = std::exp(y);"), 1U);
  EXPECT_EQ(seen("learner/schedule.cpp", "return 1 - cosf (y);"), 1U);
  EXPECT_EQ(seen("policy/rotary.h", "::pow(a, b)"), 1U);
  EXPECT_EQ(seen("policy/rotary.cpp", "x = exact::pow(a, b);"), 0U);
  EXPECT_EQ(seen("policy/rotary.cpp", "x = t.exp() + p->log();"), 0U);
  EXPECT_EQ(seen("policy/rotary.cpp", "// std::exp(x)\nauto s = \"exp(x)\"; float my_exp(float);"),
            0U);
  EXPECT_EQ(seen("kernels/a/a_ref.cpp", "x = std::exp(y);"), 0U);
  EXPECT_EQ(seen("tasks/a.cpp", "x = std::exp(y);"), 0U);
}

TEST(Style, RawWaitsAreSeen) {
  const auto seen = [](const std::string& path, const std::string& line) {
    return raw_waits({{path, line}}).size();
  };
  for (const char* wait :
       {"n = ::recv(s, b, 1, 0);", "recv(s, b, 1, 0);", "if (poll(&p, 1, -1) > 0)",
        "::waitpid(child, &status, 0);", "thread_.join();", "worker->join( );",
        "condition.wait(lock);", "flag.wait(0);", "c.wait_for(lock, 1s);",
        "std::this_thread::sleep_for(1s);", "std::future<int> later;", "zmq_poll(i, 2, -1);",
        "zmq_msg_recv(&m, s, 0);", "::select(1, a, b, c, d);", "nanosleep(&t, nullptr);"})
    EXPECT_EQ(seen("rollout/a.cpp", wait), 1U) << wait;
  for (const char* none :
       {"wait_poll(p, what, deadline);", "// recv(s)", "auto s = \"poll(\";",
        "thread.join(what, deadline);", "names.join(separator)", "join(names);",
        "x = select(m, a);", "policy_.select(rows);", "at::Tensor Policy::select(int);",
        "zmq_msg_recv(&m, s, ZMQ_DONTWAIT);", "wire->rest(deadline);",
        "wait_until(changed_, lock, what, deadline, done);", "int poll_count(int);"})
    EXPECT_EQ(seen("rollout/a.cpp", none), 0U) << none;
  EXPECT_EQ(seen("base/wait_system.cpp", "::poll(d, 1, 5);"), 0U);
  EXPECT_EQ(seen("tests/unit/a_test.cpp", "thread.join();"), 0U);
}

TEST(Style, ForbiddenIncludesAreSeen) {
  EXPECT_EQ(forbidden_includes({{"base/a.cpp", "#include <random>\n"}}).size(), 1U);
  EXPECT_EQ(forbidden_includes({{"base/a.h", "#include <nlohmann/json.hpp>\n"}}).size(), 1U);
  EXPECT_EQ(forbidden_includes({{"base/a.h", "#include <nlohmann/json_fwd.hpp>\n"}}).size(), 0U);
  EXPECT_EQ(forbidden_includes({{"base/a.cpp", "#include <nlohmann/json.hpp>\n"}}).size(), 0U);
}

TEST(Style, EarlyReadersAreSeen) {
  EXPECT_EQ(early_readers({{"tools/a.sh", "sort -rn | head -n 3"}}).size(), 1U);
  EXPECT_EQ(early_readers({{"tools/a.sh", "ninja -n | grep -q work"}}).size(), 1U);
  EXPECT_EQ(early_readers({{"tools/a.sh", "ninja -n | grep -i -m 1 work"}}).size(), 1U);
  EXPECT_EQ(early_readers({{"tools/a.sh", "sort | sed 3q"}}).size(), 1U);
  EXPECT_EQ(
      early_readers({{"tools/a.sh", "sort | sed -n 1p; grep -q a file; head -n 3 file"}}).size(),
      0U);
}

TEST(Style, OtherMarksAreSeen) {
  EXPECT_EQ(headers_without_pragma_once({{"base/a.h", "int x;\n"}}).size(), 1U);
  EXPECT_EQ(unfinished({{"base/a.h", std::string("// TO") + "DO: later\n"}}).size(), 1U);
}

TEST(Style, CommentsAndLiteralsAreBlanked) {
  EXPECT_EQ(blank_comments_and_literals("a /* b */ c // d\ne"), "a         c     \ne");
  EXPECT_EQ(blank_comments_and_literals(R"(f("x\"y", 'z'))"), R"(f("    ", ' '))");
  EXPECT_EQ(blank_comments_and_literals("1'000 + g(1)"), "1'000 + g(1)");
  EXPECT_EQ(blank_comments_and_literals("a R\"x(q\")x\" b").find('q'), std::string::npos);
}

}  // namespace
}  // namespace retort::tests
