#pragma once
// runs/NAME/: how a run's directory is named.
#include <string>
#include <vector>

namespace retort {

// The directory a new run of `config_path` gets: runs/STEM, or runs/STEM-2, -3, … when that exists.
std::string new_run_directory(const std::string& config_path);
// The newest existing run of that stem (the highest number); "" if there is none.
std::string newest_run_directory(const std::string& config_path);

struct RunPlace {
  std::string dir;
  bool resumed = false;
};
// Where a command of `config_path` writes, and whether it goes on: `run_dir` as given, or when
// empty a new directory, with `resume` the newest there is. UserError "--run" for a run that is
// there when `resume` is not set.
RunPlace find_run_place(const std::string& config_path, const std::string& run_dir, bool resume);

// What goes on with an interrupted run when it is pasted: "retort train CONFIG --run DIR --resume",
// and the assignments, without which the configuration would be another. `command`: "train CONFIG".
std::string resume_command(const std::string& command, const std::string& run_dir,
                           const std::vector<std::string>& assignments);

}  // namespace retort
