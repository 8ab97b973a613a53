#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

namespace retort {
namespace {

// What a LiveLine writes to a file that stands for a terminal or a pipe.
class LiveLineTest : public ::testing::Test {
 protected:
  LiveLineTest() : file_(std::tmpfile()) {}
  ~LiveLineTest() override { std::fclose(file_); }
  std::string written() {
    std::fflush(file_);
    EXPECT_EQ(std::fseek(file_, 0, SEEK_SET), 0);
    std::string text;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) text += static_cast<char>(c);
    return text;
  }
  std::FILE* file_;
};

TEST_F(LiveLineTest, TerminalGetsOneLineThatIsRedrawn) {
  {
    LiveLine line(file_, true, 5);
    line.update("step 1");
    line.update("step 2");
  }
  EXPECT_EQ(written(), "step 1\r\x1b[Kstep 2\n");
}

TEST_F(LiveLineTest, TerminalLineIsCutToTheWidth) {
  LiveLine line(file_, true, 5);
  std::string text;
  for (int i = 0; i < 500; ++i) text += "é";
  line.update(text);
  line.finish();
  EXPECT_EQ(written(), text.substr(0, size_t{2} * 119) + "\n");  // the width of what is no terminal
}

TEST_F(LiveLineTest, PipeGetsTheFirstAndTheLastLineAndFewBetween) {
  {
    LiveLine line(file_, false, 3600);
    for (int step = 1; step <= 100; ++step) line.update("step " + std::to_string(step));
  }
  EXPECT_EQ(written(), "step 1\nstep 100\n");
}

TEST_F(LiveLineTest, PipeGetsALineWheneverTheIntervalIsOver) {
  LiveLine line(file_, false, 0);
  line.update("a");
  line.update("b");
  line.finish();
  line.finish();
  line.update("c");
  line.finish();
  EXPECT_EQ(written(), "a\nb\nc\n");
}

TEST_F(LiveLineTest, QuietWritesNothing) {
  LiveLine line(nullptr, true, 0);
  line.update("a");
  line.finish();
}

TEST(Log, FileGetsEveryLineWithItsTimeAndStderrWhatItMay) {
  const auto path = std::filesystem::temp_directory_path() / "retort_log_test.txt";
  std::filesystem::remove(path);
  ::testing::internal::CaptureStderr();
  log::open_file(path.string());
  log::info("hello {}");
  log::detail("only in the file");
  log::warn("careful");
  log::set_quiet(true);
  log::info("quiet");
  log::warn("loud");
  log::set_quiet(false);
  log::open_file("");
  log::info("after");
  const std::string shown = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(shown, "hello {}\nretort: warning: careful\nretort: warning: loud\nafter\n");
  const std::string text = read_file(path.string());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_NE(text.find(" info: hello {}\n"), std::string::npos);
  EXPECT_NE(text.find(" debug: only in the file\n"), std::string::npos);
  EXPECT_NE(text.find(" warning: loud\n"), std::string::npos);
  EXPECT_EQ(text.find("after"), std::string::npos);
  // Opening again appends.
  log::open_file(path.string());
  log::detail("more");
  log::open_file("");
  EXPECT_EQ(read_file(path.string()).substr(0, text.size()), text);
  std::filesystem::remove(path);
  EXPECT_THROW(log::open_file("/proc/no/log.txt"), UserError);
}

TEST(Log, NoColorIsHonoured) {
  // Under a test stderr is no terminal: neither live nor coloured, whatever NO_COLOR says.
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(stderr_has_colours());
  ::unsetenv("NO_COLOR");
}

TEST(Plot, DrawsARisingCurve) {
  EXPECT_EQ(plot_curve({0, 1, 2, 3}, 60, 2),
            "       3 ┤  ▃█\n"
            "       0 ┤▁▆██\n"
            "         └────\n"
            "          1  4");
  EXPECT_EQ(plot_curve({0, 1, 2, 3}, 60, 2, PlotStyle::kAscii),
            "       3 |   #\n"
            "       0 |####\n"
            "         +----\n"
            "          1  4");
}

TEST(Plot, AveragesWhatDoesNotFit) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i % 2 == 0 ? 0 : 1);
  values.resize(2000, 10);
  EXPECT_EQ(plot_curve(values, 10, 1),
            "      10 ┤▁▁▁▁▁█████\n"
            "         └──────────\n"
            "          1     2000");
}

TEST(Plot, TakesFlatShortAndMissingValues) {
  EXPECT_EQ(plot_curve({}, 10, 3), "");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(plot_curve({nan, nan}, 10, 3), "");
  EXPECT_EQ(plot_curve({5}, 10, 1), "       5 ┤▁\n         └─\n          1");
  EXPECT_EQ(plot_curve({1, nan, 1}, 10, 1), "       1 ┤▁ ▁\n         └───\n          1 3");
}

TEST(Log, OneLineKeepsTextAndShowsControlCharacters) {
  EXPECT_EQ(one_line("α\n\tb\r\x1b[31m\x7f"), "α\\n\\tb\\r\\x1b[31m\\x7f");
}

}  // namespace
}  // namespace retort
