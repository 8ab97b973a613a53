# Flags that hold for every file, the compiler cache and the linker.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")

set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

# Results are a contract down to the bit: the compiler may not fuse a multiplication with an
# addition on its own, and no flag that lets it reorder floating-point arithmetic is ever set.
# -fno-math-errno changes no result; it lets sqrt become one instruction.
add_compile_options(-ffp-contract=off -fno-math-errno -Wall -Wextra -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarm of g++ 12 in "literal" + std::string (its bug 105651).
  add_compile_options(-Wno-restrict)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarm of g++ 13 on for a function that takes a temporary and returns a reference to
  # something else.
  add_compile_options(-Wno-dangling-reference)
endif()
# Paths in assertions and debug lines start at the root: equal in every checkout. The second form is
# what ccache makes of the first.
file(RELATIVE_PATH source_from_build "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}")
string(REGEX REPLACE "/$" "" source_from_build "${source_from_build}")
add_compile_options("-ffile-prefix-map=${PROJECT_SOURCE_DIR}/="
                    "-ffile-prefix-map=${source_from_build}/=")

if(RETORT_WERROR)
  add_compile_options(-Werror)
endif()
if(RETORT_DEBUG_INFO)
  add_compile_options(-g1)
endif()
if(RETORT_SANITIZE)
  add_compile_options("-fsanitize=${RETORT_SANITIZE}" -fno-omit-frame-pointer -g1)
  add_link_options("-fsanitize=${RETORT_SANITIZE}")
  if(RETORT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(RETORT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "RETORT_FUZZ needs clang++; configure with the preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)

if(RETORT_CCACHE)
  find_program(RETORT_CCACHE_PROGRAM ccache)
  mark_as_advanced(RETORT_CCACHE_PROGRAM)
  if(RETORT_CCACHE_PROGRAM)
    # The sloppiness is what a precompiled header needs; the base directory makes two checkouts
    # share their results.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
        "${RETORT_CCACHE_PROGRAM}")
  endif()
endif()

find_program(RETORT_MOLD mold)
mark_as_advanced(RETORT_MOLD)
if(RETORT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
# DT_RPATH rather than DT_RUNPATH: a library found through it finds its own needs there too.
add_link_options(-Wl,--disable-new-dtags -Wl,--as-needed)
