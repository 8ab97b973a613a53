#pragma once
// A user's own reward program: rows in, answers out, a line each (command-line contract,
// `command:PATH`). Several rows are under way at once and may be answered in any order, by id.
//
// What the program cannot answer is a trouble of its row, never a score. The oldest row under way
// has `deadline_s` from the moment that nothing older is unanswered: then the program is killed and
// started again, that row is given up, and the others are asked again. When it dies or says what is
// no answer while several are under way, each of them is asked again alone, so that the one that
// did it is found whatever the timing.
#include "base/line_process.h"
#include "rewards/reward.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retort {

struct RowAnswer {
  std::optional<Judgement> judgement;
  std::string trouble;  // why there is none
};

class RowProgram {
 public:
  RowProgram(std::string path, double deadline_s, size_t rows_at_once, std::string place)
      : path_(std::move(path)),
        deadline_s_(deadline_s),
        rows_at_once_(rows_at_once),
        place_(std::move(place)) {}

  // UserError when it is no program. ask() starts it by itself.
  void start();
  // The answers in the order of the questions. Any thread; one call at a time is served.
  std::vector<RowAnswer> ask(std::span<const Question> questions, const ScoreLimits& limits);
  // Ends it; true when it ends by itself with exit code 0.
  bool finish();

 private:
  struct Row {
    int64_t id;
    size_t index;  // of its question
  };
  struct Round;  // one call of ask()

  void send_rows(Round& round);
  void take_line(Round& round, const std::string& line);
  void answer(Round& round, size_t place, RowAnswer answer);
  // The program failed: `blamed` says whether the oldest row is known to have done it.
  void fail(Round& round, const std::string& trouble, bool blamed);

  const std::string path_;
  const double deadline_s_;
  const size_t rows_at_once_;
  const std::string place_;
  std::mutex mutex_;
  std::unique_ptr<LineProcess> process_;  // guarded by mutex_, as all below
  int64_t last_id_ = 0;
  bool said_late_ = false;
};

}  // namespace retort
