#pragma once
// RT_CHECK*: an invariant of ours. A failure prints the expression, both values and file:line, ends
// the command with exit code 1, and is never the user's mistake (that is UserError, base/error.h).
//
//   RT_CHECK_EQ(rows, weights.rows) << "head of layer " << layer;
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace retort {

// Our bug. main() prints what() and returns 1.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace check_detail {

class Message {
 public:
  Message(const char* file, int line, const char* expression) {
    stream_ << file << ':' << line << ": check failed: " << expression;
  }
  template <class A, class B>
  Message(const char* file, int line, const char* expression, const A& a, const B& b)
      : Message(file, line, expression) {
    stream_ << " (";
    print(a);
    stream_ << " vs ";
    print(b);
    stream_ << ')';
  }
  template <class T>
  Message& operator<<(const T& value) {
    if (!separated_) stream_ << ": ";
    separated_ = true;
    stream_ << value;
    return *this;
  }
  std::string text() const { return stream_.str(); }

 private:
  // A byte is shown as the number it is.
  template <class T>
  void print(const T& value) {
    if constexpr (std::is_arithmetic_v<T>)
      stream_ << +value;
    else
      stream_ << value;
  }

  std::ostringstream stream_;
  bool separated_ = false;
};

// `&` binds looser than `<<`: the whole message is built before the throw.
struct Raise {
  [[noreturn]] void operator&(const Message& message) const { throw InternalError(message.text()); }
};

}  // namespace check_detail
}  // namespace retort

// In no parentheses: the message follows by `<<`.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define RT_CHECK(condition)                       \
  (condition) ? (void)0                           \
              : ::retort::check_detail::Raise() & \
                    ::retort::check_detail::Message(__FILE__, __LINE__, #condition)
#define RT_CHECK_OP_(op, a, b)            \
  ((a)op(b))                              \
      ? (void)0                           \
      : ::retort::check_detail::Raise() & \
            ::retort::check_detail::Message(__FILE__, __LINE__, #a " " #op " " #b, (a), (b))
// NOLINTEND(bugprone-macro-parentheses)
#define RT_CHECK_EQ(a, b) RT_CHECK_OP_(==, a, b)
#define RT_CHECK_NE(a, b) RT_CHECK_OP_(!=, a, b)
#define RT_CHECK_LT(a, b) RT_CHECK_OP_(<, a, b)
#define RT_CHECK_LE(a, b) RT_CHECK_OP_(<=, a, b)
#define RT_CHECK_GT(a, b) RT_CHECK_OP_(>, a, b)
#define RT_CHECK_GE(a, b) RT_CHECK_OP_(>=, a, b)
