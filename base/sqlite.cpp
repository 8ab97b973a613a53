#include "base/sqlite.h"

#include "base/check.h"
#include "base/error.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace retort {

struct SqliteConnection {
  std::string path;
  sqlite3* handle = nullptr;
  // Statements hold the connection, so none is left when it closes.
  ~SqliteConnection() { sqlite3_close(handle); }
};

namespace {

// How long a statement waits for another program that holds the database.
constexpr int kBusyMilliseconds = 30'000;
// Rows with blobs of some kilobytes fit a page. The cache fills once and then stays: rows are
// appended, so that a larger one is no faster and is memory that grows for an hour.
constexpr const char* kPageBytes = "16384";
constexpr const char* kCacheKibibytes = "2048";

[[noreturn]] void fail(const std::string& path, sqlite3* handle, int code, std::string_view sql,
                       const char* file, int line, const std::string& users_place = "") {
  const std::string message = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_AUTH && !users_place.empty())
    throw UserError(users_place, "a condition may not do that (" + message + ")",
                    "compare columns, as level <= 3");
  switch (code & 0xff) {
    case SQLITE_CANTOPEN:
      throw UserError(path, "cannot be opened (" + message + ")",
                      ::access(path.c_str(), F_OK) == 0
                          ? "see that it is a file, and that it and its folder can be written"
                          : "give the path of a database");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      throw UserError(path, "is damaged (" + message + ")",
                      "put a copy that is whole in its place, or start again without it");
    case SQLITE_FULL:
    case SQLITE_IOERR:
      throw UserError(path, "cannot be read or written (" + message + ")",
                      "make room on the disk, then go on with --resume");
    case SQLITE_INTERRUPT:
      throw UserError(users_place, "takes too long", "give a condition that is decided row by row");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw UserError(path, "cannot be written (" + message + ")", "allow writing to it");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw UserError(path, "is held by another program (" + message + ")",
                      "end that program, then run this again");
    default:
      if (!users_place.empty())
        throw UserError(users_place, "SQLite does not take it (" + message + ")",
                        "mend the condition");
      RT_CHECK(false) << path << ": " << message << " in: " << sql << " (called at " << file << ':'
                      << line << ')';
      __builtin_unreachable();
  }
}

// The one check of results of the C interface.
#define RT_SQLITE(connection, call, sql)                                                \
  do {                                                                                  \
    const int rt_code = (call);                                                         \
    if (rt_code != SQLITE_OK)                                                           \
      fail((connection).path, (connection).handle, rt_code, (sql), __FILE__, __LINE__); \
  } while (false)

std::string sql_of(sqlite3_stmt* statement) {
  const char* sql = sqlite3_sql(statement);
  return sql != nullptr ? sql : "";
}

// "file:" name of a path, with the characters escaped that would end it.
std::string uri_of(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%')
      uri += "%25";
    else if (c == '?')
      uri += "%3f";
    else if (c == '#')
      uri += "%23";
    else
      uri += c;
  }
  return uri;
}

// A reader of a WAL database writes its index beside it. Where that is forbidden and no writer has
// left a log, the file alone is the database.
bool must_be_read_alone(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::access((path + "-wal").c_str(), F_OK) != 0 && ::access(folder.c_str(), W_OK) != 0;
}

}  // namespace

std::string sqlite_version() { return sqlite3_libversion(); }

// ---- What a user's SQL may do

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kOperationsBetweenLooks = 10'000;  // about a millisecond

int is_past(void* end) { return Clock::now() >= *static_cast<Clock::time_point*>(end) ? 1 : 0; }

int authorize(void*, int action, const char*, const char* name, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION: {
      // The same store gives the same tasks.
      constexpr std::string_view kRefused[] = {"load_extension", "random", "randomblob",
                                               "fts3_tokenizer"};
      return std::ranges::count(kRefused, std::string_view(name)) > 0 ? SQLITE_DENY : SQLITE_OK;
    }
    default:
      return SQLITE_DENY;
  }
}

// While it lives the connection compiles only what authorize() allows.
class Authorizer {
 public:
  explicit Authorizer(sqlite3* handle) : handle_(handle) {
    if (handle_ != nullptr) sqlite3_set_authorizer(handle_, authorize, nullptr);
  }
  ~Authorizer() {
    if (handle_ != nullptr) sqlite3_set_authorizer(handle_, nullptr, nullptr);
  }
  Authorizer(const Authorizer&) = delete;
  Authorizer& operator=(const Authorizer&) = delete;

 private:
  sqlite3* const handle_;
};

}  // namespace

// ---- Statement

Statement::Statement(std::shared_ptr<SqliteConnection> connection, std::string_view sql,
                     std::string users_place, double limit_s)
    : connection_(std::move(connection)), users_place_(std::move(users_place)), limit_s_(limit_s) {
  const Authorizer authorizer(users_place_.empty() ? nullptr : connection_->handle);
  const int code = sqlite3_prepare_v3(connection_->handle, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK)
    fail(connection_->path, connection_->handle, code, sql, __FILE__, __LINE__, users_place_);
  RT_CHECK(statement_ != nullptr) << "no statement in: " << sql;
}
Statement::~Statement() { sqlite3_finalize(statement_); }
Statement::Statement(Statement&& other) noexcept
    : connection_(std::move(other.connection_)),
      statement_(std::exchange(other.statement_, nullptr)),
      users_place_(std::move(other.users_place_)),
      limit_s_(other.limit_s_),
      spent_s_(other.spent_s_) {}

void Statement::bind(int parameter, std::nullptr_t) {
  RT_SQLITE(*connection_, sqlite3_bind_null(statement_, parameter), sql_of(statement_));
}
void Statement::bind_integer(int parameter, int64_t value) {
  RT_SQLITE(*connection_, sqlite3_bind_int64(statement_, parameter, value), sql_of(statement_));
}
void Statement::bind(int parameter, double value) {
  RT_SQLITE(*connection_, sqlite3_bind_double(statement_, parameter, value), sql_of(statement_));
}
void Statement::bind(int parameter, std::string_view value) {
  // A null pointer would be NULL; an empty text is not.
  const char* data = value.data() != nullptr ? value.data() : "";
  RT_SQLITE(
      *connection_,
      sqlite3_bind_text64(statement_, parameter, data, value.size(), SQLITE_STATIC, SQLITE_UTF8),
      sql_of(statement_));
}
void Statement::bind(int parameter, Blob value) {
  const void* data = value.data() != nullptr ? static_cast<const void*>(value.data()) : "";
  RT_SQLITE(*connection_,
            sqlite3_bind_blob64(statement_, parameter, data, value.size(), SQLITE_STATIC),
            sql_of(statement_));
}

int Statement::step() {
  if (users_place_.empty()) return sqlite3_step(statement_);
  const Authorizer authorizer(connection_->handle);  // SQLite may compile it again
  const auto begin = Clock::now();
  Clock::time_point end = begin + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(limit_s_ - spent_s_));
  sqlite3_progress_handler(connection_->handle, kOperationsBetweenLooks, is_past, &end);
  const int code = sqlite3_step(statement_);
  sqlite3_progress_handler(connection_->handle, 0, nullptr, nullptr);
  spent_s_ += std::chrono::duration<double>(Clock::now() - begin).count();
  return code;
}

bool Statement::next() {
  const int code = step();
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    const std::string sql = sql_of(statement_);
    try {
      fail(connection_->path, connection_->handle, code, sql, __FILE__, __LINE__, users_place_);
    } catch (...) {
      sqlite3_reset(statement_);
      throw;
    }
  }
  sqlite3_reset(statement_);
  return false;
}

void Statement::reset() { sqlite3_reset(statement_); }

ColumnType Statement::type(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return ColumnType::kInteger;
    case SQLITE_FLOAT:
      return ColumnType::kReal;
    case SQLITE_TEXT:
      return ColumnType::kText;
    case SQLITE_BLOB:
      return ColumnType::kBlob;
    default:
      return ColumnType::kNull;
  }
}
int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
  return data != nullptr ? std::string(data, size) : std::string();
}
Blob Statement::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}
int Statement::columns() const { return sqlite3_column_count(statement_); }
std::string Statement::column_name(int column) const {
  return sqlite3_column_name(statement_, column);
}

// ---- Database

Database::Database(std::shared_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)) {}

Database Database::open(const std::string& path, Mode mode) {
  auto connection = std::make_shared<SqliteConnection>();
  connection->path = path;
  int flags = SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
  std::string uri = uri_of(path);
  if (mode == Mode::kRead && must_be_read_alone(path)) {
    flags |= SQLITE_OPEN_READONLY;
    uri += "?immutable=1";
  } else {
    // A reader may have to complete or undo what a killed writer left.
    flags |= SQLITE_OPEN_READWRITE | (mode == Mode::kCreate ? SQLITE_OPEN_CREATE : 0);
  }
  RT_SQLITE(*connection, sqlite3_open_v2(uri.c_str(), &connection->handle, flags, nullptr), uri);
  RT_SQLITE(*connection, sqlite3_busy_timeout(connection->handle, kBusyMilliseconds), uri);
  Database database(std::move(connection));
  if (mode == Mode::kRead) {
    database.execute("PRAGMA query_only = ON");
  } else {
    if (mode == Mode::kCreate) database.execute(std::string("PRAGMA page_size = ") + kPageBytes);
    database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.execute(std::string("PRAGMA cache_size = -") + kCacheKibibytes);
  }
  database.integer("SELECT count(*) FROM sqlite_schema");  // reads the header: damage shows here
  return database;
}

void Database::execute(const std::string& sql) {
  RT_SQLITE(*connection_, sqlite3_exec(connection_->handle, sql.c_str(), nullptr, nullptr, nullptr),
            sql);
}

Statement Database::prepare(std::string_view sql) { return Statement(connection_, sql); }

Statement Database::prepare_users(std::string_view sql, const std::string& place, double limit_s) {
  return Statement(connection_, sql, place, limit_s);
}

std::optional<int64_t> Database::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.next() || statement.is_null(0)) return std::nullopt;
  return statement.integer(0);
}

std::optional<std::string> Database::text(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.next() || statement.is_null(0)) return std::nullopt;
  return statement.text(0);
}

void Database::check_integrity() {
  const std::string fault = text("PRAGMA integrity_check(1)").value_or("no answer");
  const std::optional<std::string> orphan = text("PRAGMA foreign_key_check");
  if (fault == "ok" && !orphan) return;
  throw UserError(path(), "is damaged (" + (fault != "ok" ? fault : "orphans in " + *orphan) + ")",
                  "put a copy that is whole in its place, or start again without it");
}

const std::string& Database::path() const { return connection_->path; }

// ---- Transaction

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}
Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const std::exception&) {
    // The failure that led here may have ended the transaction already.
  }
}
void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace retort
