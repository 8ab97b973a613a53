// retort: the one program. Its subcommands are the table of commands.h, a file each.
#include "base/error.h"
#include "base/log.h"
#include "base/registry.h"
#include "base/wait_watch.h"
#include "kernels/dispatch.h"
#include "tools/retort/build.h"
#include "tools/retort/commands.h"

#include <ATen/Context.h>
#include <c10/util/Exception.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace retort {
namespace {

using Command = RegistryRow<int (*)(const CommandArguments&)>;

#define RETORT_COMMAND_ROW(name, help) {#name, help, run_##name},
constexpr Command kCommands[] = {RETORT_COMMANDS(RETORT_COMMAND_ROW)};
#undef RETORT_COMMAND_ROW

void print_usage() {
  fmt::print(
      "retort: reinforcement-learning post-training (GRPO) for reasoning models\n\nusage: retort "
      "COMMAND [ARGUMENTS]\n\ncommands:\n");
  for (const Command& command : kCommands) fmt::print("  {:10} {}\n", command.name, command.help);
  fmt::print(
      "\nretort COMMAND --help shows a command's arguments and an example; retort --version shows "
      "the build.\n");
}

void print_version() {
  fmt::print("{}, CUDA {}, {}\n", build_text(), at::globalContext().hasCUDA() ? "on" : "off",
             kernels::instruction_set());
}

int dispatch(const CommandArguments& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h")
    return print_usage(), 0;
  if (arguments[0] == "help") {  // help COMMAND is COMMAND --help
    if (arguments.size() == 1) return print_usage(), 0;
    CommandArguments asked(arguments.begin() + 1, arguments.end());
    asked.emplace_back("--help");
    return dispatch(asked);
  }
  if (arguments[0] == "--version") return print_version(), 0;
  if (arguments[0].starts_with("-"))
    throw UserError(arguments[0],
                    "unknown option" + did_you_mean(arguments[0], {"--help", "--version"}),
                    "see retort --help");
  const Command& command =
      find_row(std::span<const Command>(kCommands), arguments[0], arguments[0], "command");
  const WaitWatch watch;
  return command.make({arguments.begin() + 1, arguments.end()});
}

// What a full disk or a closed pipe took is told, not lost.
int flushed(int code) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw UserError("standard output", std::string("cannot be written: ") + std::strerror(errno),
                    "make room, or keep the reader open");
  return code;
}

// LibTorch's allocator has no exception of its own.
bool is_out_of_memory(const c10::Error& error) {
  return std::string_view(error.what_without_backtrace()).find("can't allocate memory") !=
         std::string_view::npos;
}

int report_no_memory() {
  fmt::print(stderr,
             "retort: memory: what this machine, or a limit, gives this process is used up; ask "
             "for less at once (retort doctor says what there is)\n");
  return 1;
}

int report(const std::exception& error, int code) {
  fmt::print(stderr, "retort: {}\n", one_line(error.what()));
  return code;
}

// Of a thread that could not be started; others are reported as they are.
int report(const std::system_error& error) {
  if (error.code() != std::errc::resource_unavailable_try_again)
    return report(static_cast<const std::exception&>(error), 1);
  fmt::print(stderr,
             "retort: threads: one more cannot be started ({}); raise the limit of processes: "
             "ulimit -u 128 (retort doctor)\n",
             error.code().message());
  return 3;
}

}  // namespace
}  // namespace retort

int main(int argc, char** argv) {
  using namespace retort;
  try {
    return flushed(dispatch({argv + 1, argv + argc}));
  } catch (const UserError& error) {
    return report(error, 2);
  } catch (const MissingError& error) {
    return report(error, 3);
  } catch (const Interrupted& error) {
    return report(error, 130);
  } catch (const std::filesystem::filesystem_error& error) {  // a loop of links, a name too long
    return report(UserError(error.path1().string(), error.code().message(), "name another place"),
                  2);
  } catch (const std::bad_alloc&) {
    return report_no_memory();
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) return report_no_memory();
    return report(std::runtime_error(error.what_without_backtrace()), 1);
  } catch (const std::system_error& error) {
    return report(error);
  } catch (const std::exception& error) {
    return report(error, 1);
  }
}
