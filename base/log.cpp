// The only file that knows spdlog.
#include "base/log.h"

#include "base/error.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

namespace retort {

// Who may write to stderr now: lines of the log and the live line share it.
class LiveLineScreen {
 public:
  static LiveLineScreen& instance() {
    static LiveLineScreen screen;
    return screen;
  }
  void print(const std::string& text) {
    const std::lock_guard lock(mutex);
    if (line != nullptr) line->erase();
    std::fputs((text + "\n").c_str(), stderr);
    if (line != nullptr) line->draw();
  }

  std::mutex mutex;
  LiveLine* line = nullptr;  // guarded by mutex: the one that is on the screen
};

namespace {

constexpr double kPipeIntervalS = 5;
constexpr size_t kUnknownWidth = 120;

class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string text(message.payload.data(), message.payload.size());
    if (message.level < spdlog::level::warn)
      LiveLineScreen::instance().print(text);
    else if (stderr_has_colours())
      LiveLineScreen::instance().print("\x1b[33mretort: warning:\x1b[0m " + text);
    else
      LiveLineScreen::instance().print("retort: warning: " + text);
  }
  void flush_() override { std::fflush(stderr); }
};

struct Loggers {
  Loggers() : screen(std::make_shared<StderrSink>()), logger("retort", screen) {
    logger.set_level(spdlog::level::trace);
    screen->set_level(spdlog::level::info);
  }
  std::mutex mutex;
  std::shared_ptr<spdlog::sinks::sink> screen;
  spdlog::logger logger;  // guarded by mutex: its sinks change
};
Loggers& loggers() {
  static Loggers instance;
  return instance;
}

void write(spdlog::level::level_enum level, const std::string& text) {
  Loggers& all = loggers();
  const std::lock_guard lock(all.mutex);
  all.logger.log(level, spdlog::string_view_t(text));
}

size_t terminal_width(std::FILE* out) {
  winsize size{};
  if (::ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUnknownWidth;
  return size.ws_col;
}

// The first `columns` characters of UTF-8 text, taking each for one column.
std::string_view cut(std::string_view text, size_t columns) {
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (starts_character && columns-- == 0) break;
  }
  return text.substr(0, i);
}

}  // namespace

namespace log {

void info(const std::string& text) { write(spdlog::level::info, text); }
void detail(const std::string& text) { write(spdlog::level::debug, text); }
void warn(const std::string& text) { write(spdlog::level::warn, text); }

void set_quiet(bool quiet) {
  loggers().screen->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
}

void open_file(const std::string& path) {
  std::shared_ptr<spdlog::sinks::sink> file;
  if (!path.empty()) {
    try {
      file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    } catch (const spdlog::spdlog_ex&) {
      throw UserError(path, "cannot be written", "choose a place that can be written");
    }
    file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
  }
  Loggers& all = loggers();
  const std::lock_guard lock(all.mutex);
  all.logger.sinks().resize(1);
  if (file) all.logger.sinks().push_back(std::move(file));
  all.logger.flush_on(spdlog::level::debug);
}

}  // namespace log

namespace {

bool is_live(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}
bool has_colours(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  return is_live(descriptor) && (no_color == nullptr || *no_color == '\0');
}

}  // namespace

bool stderr_is_live() { return is_live(STDERR_FILENO); }
bool stderr_has_colours() { return has_colours(STDERR_FILENO); }
bool stdout_has_colours() { return has_colours(STDOUT_FILENO); }
size_t stdout_width() { return terminal_width(stdout); }

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      line += "\\n";
    else if (c == '\t')
      line += "\\t";
    else if (c == '\r')
      line += "\\r";
    else if (byte < 0x20 || byte == 0x7f)
      line += fmt::format("\\x{:02x}", byte);
    else
      line += c;
  }
  return line;
}

LiveLine::LiveLine(bool quiet)
    : LiveLine(quiet ? nullptr : stderr, stderr_is_live(), kPipeIntervalS) {}

LiveLine::LiveLine(std::FILE* out, bool terminal, double pipe_interval_s)
    : out_(out), terminal_(terminal), pipe_interval_s_(pipe_interval_s) {}

LiveLine::~LiveLine() { finish(); }

void LiveLine::update(const std::string& text) {
  if (out_ == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  LiveLineScreen& screen = LiveLineScreen::instance();
  const std::lock_guard lock(screen.mutex);
  const bool first = text_.empty();
  text_ = text;
  shown_ = false;
  if (terminal_) {
    if (out_ == stderr) screen.line = this;
    erase();
    draw();
    return;
  }
  if (!first && std::chrono::duration<double>(now - last_).count() < pipe_interval_s_) return;
  last_ = now;
  draw();
}

void LiveLine::finish() {
  if (out_ == nullptr || text_.empty()) return;
  LiveLineScreen& screen = LiveLineScreen::instance();
  const std::lock_guard lock(screen.mutex);
  if (screen.line == this) screen.line = nullptr;
  if (!terminal_ && !shown_) draw();
  if (terminal_ && on_screen_) std::fputs("\n", out_);
  std::fflush(out_);
  on_screen_ = false;
  text_.clear();
}

// Both are called with the screen's mutex held.
void LiveLine::draw() {
  if (terminal_) {
    const std::string_view visible = cut(text_, terminal_width(out_) - 1);
    std::fwrite(visible.data(), 1, visible.size(), out_);
    on_screen_ = true;
  } else {
    std::fputs((text_ + "\n").c_str(), out_);
  }
  std::fflush(out_);
  shown_ = true;
}

void LiveLine::erase() {
  if (on_screen_) std::fputs("\r\x1b[K", out_);
  on_screen_ = false;
}

}  // namespace retort
