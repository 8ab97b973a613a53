#pragma once
// Progress and log. stderr is for a person: one live line on a terminal, a line every few seconds
// in a pipe; log.txt keeps every line with its time. stdout is data and never touched here.
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

namespace log {

// Any thread. A line of the log moves a live line down instead of tearing it.
void info(const std::string& text);    // stderr (not with quiet) and log.txt
void detail(const std::string& text);  // log.txt only
// stderr as `retort: warning: TEXT`, with quiet too, and log.txt
void warn(const std::string& text);

// No info and no live lines on stderr.
void set_quiet(bool quiet);
// Appends to `path` from here on. UserError when it cannot be opened. "" closes it.
void open_file(const std::string& path);

}  // namespace log

// Whether stderr is a terminal that may get escape sequences, and colours among them (NO_COLOR).
bool stderr_is_live();
bool stderr_has_colours();
// Of stdout, for tables meant for a person; the width of what is no terminal is 120 columns.
bool stdout_has_colours();
size_t stdout_width();

// `text` on one line: control characters as \n, \t, \r or \xNN, whatever names and answers hold.
std::string one_line(std::string_view text);

// The state of long work in one line. One thread; at most one alive that is not finished.
class LiveLine {
 public:
  explicit LiveLine(bool quiet);
  // For tests: where to, as a terminal or a pipe, and the seconds between two lines of a pipe.
  LiveLine(std::FILE* out, bool terminal, double pipe_interval_s);
  ~LiveLine();  // as finish()
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  void update(const std::string& text);  // one line; cut to the width of the terminal
  void finish();                         // leaves the last text standing on a line of its own

 private:
  friend class LiveLineScreen;
  void draw();
  void erase();

  std::FILE* out_;  // null: quiet
  bool terminal_;
  double pipe_interval_s_;
  std::string text_;
  bool shown_ = false;      // text_ is what stands there
  bool on_screen_ = false;  // the cursor is on the live line
  std::chrono::steady_clock::time_point last_{};
};

// A curve as text, `height` lines of at most `width` columns plus axis and labels, without a line
// break at the end. Column c is the mean of its share of the values; nan is left out. "" without
// values.
enum class PlotStyle { kBlocks, kAscii };
std::string plot_curve(const std::vector<double>& values, size_t width, size_t height,
                       PlotStyle style = PlotStyle::kBlocks);

}  // namespace retort
