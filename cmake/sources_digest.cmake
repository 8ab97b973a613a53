# The digest of the sources that a program is made of: cmake -P with ROOT (the sources) and OUT (a
# .cpp that defines retort::kSourcesDigest). It is the same wherever the same sources are built, and
# OUT is rewritten only when it changes.
cmake_minimum_required(VERSION 3.28)
include("${CMAKE_CURRENT_LIST_DIR}/program_sources.cmake")
retort_program_sources(files "${ROOT}")
set(digests "")
foreach(file IN LISTS files)
  file(SHA256 "${ROOT}/${file}" digest)
  string(APPEND digests "${file} ${digest}\n")
endforeach()
string(SHA256 digest "${digests}")
string(SUBSTRING "${digest}" 0 12 digest)
file(CONFIGURE OUTPUT "${OUT}" CONTENT [[
#include "tools/retort/build.h"

namespace retort {
const char* const kSourcesDigest = "@digest@";
}  // namespace retort
]] @ONLY)
