#pragma once
// SQLite behind a thin wrapper: connection, statement, transaction. Databases are in WAL mode, so
// that readers never wait for the writer, and every commit is synced: what is committed survives
// kill -9 and a power cut. Tables are meant to be STRICT.
//
// Failures: UserError at the file's path for what the disk or another program did (missing,
// damaged, full, locked, read-only); InternalError with the SQL for what is our bug (syntax,
// constraints). A connection and its statements may move between threads and are used by one at a
// time.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

struct sqlite3_stmt;

namespace retort {

using Blob = std::span<const std::byte>;

struct SqliteConnection;

// Of the library that is loaded: "3.40.1".
std::string sqlite_version();

enum class ColumnType { kNull, kInteger, kReal, kText, kBlob };

// One prepared statement. Parameters are numbered from 1, columns from 0. Keeps its connection
// open.
class Statement {
 public:
  // With a `users_place` the SQL is the user's own: what is wrong with it is a UserError there. It
  // may read tables and call functions of its arguments, nothing else (no writing, attaching,
  // loading, pragmas, chance), and run for `limit_s` seconds in all.
  Statement(std::shared_ptr<SqliteConnection> connection, std::string_view sql,
            std::string users_place = "", double limit_s = 0);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Text and blobs are not copied: they live until the statement has run. NaN is stored as NULL.
  void bind(int parameter, std::nullptr_t);
  template <class Integer>
  requires std::is_integral_v<Integer>
  void bind(int parameter, Integer value) { bind_integer(parameter, static_cast<int64_t>(value)); }
  void bind(int parameter, double value);
  void bind(int parameter, std::string_view value);
  void bind(int parameter, const std::string& value) { bind(parameter, std::string_view(value)); }
  void bind(int parameter, const char* value) { bind(parameter, std::string_view(value)); }
  void bind(int parameter, Blob value);
  template <class T>
  void bind(int parameter, const std::optional<T>& value) {
    if (value)
      bind(parameter, *value);
    else
      bind(parameter, nullptr);
  }

  // Steps to the next row; false when there is none, and the statement is then ready to run again.
  bool next();
  void reset();
  // Binds the values in order, runs to the end.
  template <class... Values>
  void run(const Values&... values) {
    int parameter = 0;
    (bind(++parameter, values), ...);
    while (next()) {
    }
  }

  // Of the current row.
  ColumnType type(int column) const;
  bool is_null(int column) const { return type(column) == ColumnType::kNull; }
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  Blob blob(int column) const;  // valid until the next call of next() or reset()
  int columns() const;
  std::string column_name(int column) const;

 private:
  void bind_integer(int parameter, int64_t value);
  std::shared_ptr<SqliteConnection> connection_;
  sqlite3_stmt* statement_ = nullptr;
  int step();
  std::string users_place_;
  double limit_s_ = 0, spent_s_ = 0;  // of the user's own
};

class Database {
 public:
  // kCreate makes the file when it is not there. kRead changes no row; it takes in or undoes what a
  // killed writer left half done, and reads a database in a folder that cannot be written as it
  // lies there.
  enum class Mode { kCreate, kReadWrite, kRead };

  // UserError when the file is missing, no database, or damaged.
  static Database open(const std::string& path, Mode mode);

  // Statements without parameters, separated by ';'; rows are passed over.
  void execute(const std::string& sql);
  Statement prepare(std::string_view sql);
  // One statement that holds SQL of the user's, with seconds that it may take.
  Statement prepare_users(std::string_view sql, const std::string& place, double limit_s);
  // First column of the first row; nullopt when there is no row or it is NULL.
  std::optional<int64_t> integer(std::string_view sql);
  std::optional<std::string> text(std::string_view sql);
  // UserError naming the first fault that `PRAGMA integrity_check` or `foreign_key_check` finds.
  void check_integrity();

  const std::string& path() const;

 private:
  explicit Database(std::shared_ptr<SqliteConnection> connection);
  std::shared_ptr<SqliteConnection> connection_;
};

// BEGIN IMMEDIATE; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace retort
