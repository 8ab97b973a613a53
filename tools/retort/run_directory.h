#pragma once
// runs/NAME/: how a run's directory is named.
#include <string>

namespace retort {

// The directory a new run of `config_path` gets: runs/STEM, or runs/STEM-2, -3, … when that exists.
std::string new_run_directory(const std::string& config_path);
// The newest existing run of that stem (the highest number); "" if there is none.
std::string newest_run_directory(const std::string& config_path);

}  // namespace retort
