#include "base/check.h"
#include "base/database_writer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sqlite.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace retort {
namespace {

using tests::TemporaryFolder;
using Mode = Database::Mode;

template <class Error, class Action>
std::string text_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Sqlite, ValuesKeepTypeAndBits) {
  const TemporaryFolder folder;
  Database database = Database::open(folder.path() + "/a.db", Mode::kCreate);
  database.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v ANY) STRICT");
  Statement insert = database.prepare("INSERT INTO t (v) VALUES (?)");
  insert.run(std::numeric_limits<int64_t>::min());
  insert.run(true);
  insert.run(-0.0);
  insert.run(2.0);
  insert.run(5e-324);
  insert.run(std::string("a\0b", 3));
  insert.run("");
  insert.run(std::optional<std::string>());
  insert.run(Blob{});
  insert.run(std::nan(""));
  Statement select = database.prepare("SELECT v FROM t ORDER BY k");
  const auto next = [&]() -> Statement& {
    EXPECT_TRUE(select.next());
    return select;
  };
  EXPECT_EQ(next().integer(0), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(next().integer(0), 1);
  EXPECT_TRUE(std::signbit(next().real(0)));
  EXPECT_EQ(next().type(0), ColumnType::kReal);  // not made an integer
  EXPECT_EQ(next().real(0), 5e-324);
  EXPECT_EQ(next().text(0), std::string("a\0b", 3));
  EXPECT_EQ(next().type(0), ColumnType::kText);
  EXPECT_TRUE(next().is_null(0));
  EXPECT_EQ(next().type(0), ColumnType::kBlob);
  EXPECT_TRUE(next().is_null(0));
  EXPECT_FALSE(select.next());
  EXPECT_TRUE(select.next()) << "a statement that ended starts again";
  EXPECT_EQ(select.column_name(0), "v");
}

TEST(Sqlite, PathsMayHoldTheCharactersOfUris) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a?mode=ro#b%20.db";
  Database::open(path, Mode::kCreate).execute("CREATE TABLE t (a INTEGER) STRICT");
  EXPECT_EQ(Database::open(path, Mode::kRead).integer("SELECT count(*) FROM t"), 0);
}

TEST(Sqlite, ATransactionThatIsNotCommittedLeavesNothing) {
  const TemporaryFolder folder;
  Database database = Database::open(folder.path() + "/a.db", Mode::kCreate);
  database.execute("CREATE TABLE t (a INTEGER) STRICT");
  {
    Transaction transaction(database);
    database.execute("INSERT INTO t VALUES (1)");
  }
  EXPECT_EQ(database.integer("SELECT count(*) FROM t"), 0);
  Transaction transaction(database);
  database.execute("INSERT INTO t VALUES (1)");
  transaction.commit();
  EXPECT_EQ(database.integer("SELECT count(*) FROM t"), 1);
}

TEST(Sqlite, ReadersSeeWhatIsCommittedWhileAWriterWrites) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.db";
  Database writer = Database::open(path, Mode::kCreate);
  writer.execute("CREATE TABLE t (a INTEGER) STRICT");
  Database reader = Database::open(path, Mode::kRead);
  Transaction transaction(writer);
  writer.execute("INSERT INTO t VALUES (1)");
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t"), 0);
  transaction.commit();
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t"), 1);
  EXPECT_NE(text_of<UserError>([&] {
              reader.execute("INSERT INTO t VALUES (1)");
            }).find("cannot be written"),
            std::string::npos);
}

TEST(Sqlite, AReaderUndoesWhatAKilledWriterLeft) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.db";
  const pid_t child = fork();
  if (child == 0) {
    Database database = Database::open(path, Mode::kCreate);
    database.execute("PRAGMA journal_mode = DELETE; CREATE TABLE t (a BLOB) STRICT");
    database.execute("PRAGMA cache_size = 1; BEGIN");
    for (int i = 0; i < 50; ++i) database.execute("INSERT INTO t VALUES (zeroblob(50000))");
    _exit(0);  // as a kill: half of the transaction is in the file
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ASSERT_GT(std::filesystem::file_size(path + "-journal"), 0U);
  Database reader = Database::open(path, Mode::kRead);
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t"), 0);
  EXPECT_NO_THROW(reader.check_integrity());
}

TEST(Sqlite, FailuresNameTheFileAndWhoseTheyAre) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.db";
  EXPECT_NE(text_of<UserError>([&] {
              Database::open(path, Mode::kRead);
            }).find(path + ": cannot be opened"),
            std::string::npos);
  const std::string taken = folder.make("folder");  // there, but no file
  EXPECT_NE(text_of<UserError>([&] {
              Database::open(taken, Mode::kReadWrite);
            }).find("; see that it is a file, and that it and its folder can be written"),
            std::string::npos);
  write_file_atomic(path, std::string(8192, 'x'));
  EXPECT_NE(
      text_of<UserError>([&] { Database::open(path, Mode::kRead); }).find(path + ": is damaged"),
      std::string::npos);
  Database database = Database::open(folder.path() + "/b.db", Mode::kCreate);
  EXPECT_NE(text_of<InternalError>([&] {
              database.execute("SELECT nonsense");
            }).find("no such column: nonsense"),
            std::string::npos);
  database.execute("CREATE TABLE t (a INTEGER NOT NULL) STRICT");
  EXPECT_NE(text_of<InternalError>([&] {
              database.prepare("INSERT INTO t VALUES (?)").run("text");
            }).find("INSERT INTO t"),
            std::string::npos);
}

TEST(Sqlite, IntegrityFindsOrphans) {
  const TemporaryFolder folder;
  Database database = Database::open(folder.path() + "/a.db", Mode::kCreate);
  database.execute(
      "CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT;"
      "CREATE TABLE b (x INTEGER REFERENCES a) STRICT");
  EXPECT_NO_THROW(database.check_integrity());
  database.execute("INSERT INTO b VALUES (7)");
  EXPECT_THROW(database.check_integrity(), UserError);
}

// A job that holds the writer's thread until it is let go.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    const Deadline deadline = Deadline::after(30);
    const WaitScope scope("a gate", "the test", deadline);
    wait_until(condition_, lock, scope, deadline, [&] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    condition_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool open_ = false;
};

TEST(DatabaseWriter, JobsRunInOrderAndABacklogIsOneTransaction) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.db";
  Database database = Database::open(path, Mode::kCreate);
  database.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER) STRICT");
  Database reader = Database::open(path, Mode::kRead);
  auto insert = std::make_shared<Statement>(database.prepare("INSERT INTO t (v) VALUES (?)"));
  Gate gate;
  DatabaseWriter writer(std::move(database), 100);
  writer.submit([&] { gate.pass(); });
  for (int i = 0; i < 50; ++i) writer.submit([insert, i] { insert->run(i); });
  EXPECT_FALSE(writer.flush(Deadline::after(0.01))) << "the gate is closed";
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t"), 0);
  gate.open();
  EXPECT_TRUE(writer.flush(Deadline::after(30)));
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t WHERE v = k - 1"), 50);
}

TEST(DatabaseWriter, AFailureComesBackInEveryLaterCall) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.db";
  Database database = Database::open(path, Mode::kCreate);
  database.execute("CREATE TABLE t (a INTEGER) STRICT");
  Database reader = Database::open(path, Mode::kRead);
  auto insert = std::make_shared<Statement>(database.prepare("INSERT INTO t VALUES (1)"));
  {
    DatabaseWriter writer(std::move(database));
    writer.submit([insert] { insert->run(); });
    EXPECT_TRUE(writer.flush(Deadline::after(30)));
    writer.submit([insert] {
      insert->run();
      throw UserError("disk", "is full", "make room");
    });
    EXPECT_THROW(writer.flush(Deadline::after(30)), UserError);
    EXPECT_THROW(writer.submit([insert] { insert->run(); }), UserError);
    EXPECT_THROW(writer.flush(Deadline::after(30)), UserError);
  }
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t"), 1) << "the failed transaction left nothing";
}

TEST(DatabaseWriter, TheEndWritesWhatWasSubmitted) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.db";
  {
    Database database = Database::open(path, Mode::kCreate);
    database.execute("CREATE TABLE t (a INTEGER) STRICT");
    auto insert = std::make_shared<Statement>(database.prepare("INSERT INTO t VALUES (1)"));
    DatabaseWriter writer(std::move(database), 4);
    for (int i = 0; i < 20; ++i) writer.submit([insert] { insert->run(); });  // more than wait
  }
  EXPECT_EQ(Database::open(path, Mode::kRead).integer("SELECT count(*) FROM t"), 20);
}

}  // namespace
}  // namespace retort
