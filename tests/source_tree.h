#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace retort::tests {

// One file of the project: its path from the root (with `/`) and its text.
struct SourceFile {
  std::string path;
  std::string text;
};

// Every file below `root` whose name ends in one of `endings` (".h", "CMakeLists.txt", …), sorted
// by path. Build folders, run folders and whatever starts with a dot are left out.
std::vector<SourceFile> read_tree(const std::string& root, const std::vector<std::string>& endings);

std::vector<std::string> split_lines(std::string_view text);

// `text` with comments and the contents of string and character literals replaced by spaces; line
// numbers stay. Knows //, /* */, "…", '…' (not a digit separator) and raw strings.
std::string blank_comments_and_literals(std::string_view text);

// "kernels" of "kernels/gemm/gemm.h"; empty for a file at the root.
std::string top_folder(std::string_view path);

// "gemm_cpu.cpp" of "kernels/gemm/gemm_cpu.cpp".
std::string file_name(std::string_view path);

}  // namespace retort::tests
