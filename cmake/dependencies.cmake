# Third-party libraries, one interface target each: retort_dep_<name>.
# They are looked for by header and library, so that the packages of a distribution and a folder of
# unpacked packages (.retort/sysroot, see tools/setup.sh --packages) serve alike.
set(RETORT_SYSROOT "${PROJECT_SOURCE_DIR}/.retort/sysroot")
if(EXISTS "${RETORT_SYSROOT}/usr/include")
  list(PREPEND CMAKE_PREFIX_PATH "${RETORT_SYSROOT}/usr")
  # Unpacked libraries may need others that only the running system has.
  add_link_options(-Wl,--allow-shlib-undefined)
endif()

# retort_dependency(<name> PACKAGE <Debian package> HEADER <file> [LIBRARIES <name>…]
#                   [DEFINITIONS <d>…])
function(retort_dependency name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PACKAGE;HEADER" "LIBRARIES;DEFINITIONS")
  string(TOUPPER "RETORT_${name}" prefix)
  add_library(retort_dep_${name} INTERFACE)
  # A LibTorch on the prefix path carries copies of some headers; the packages' own are meant.
  find_path(${prefix}_INCLUDE "${arg_HEADER}"
            PATHS "${RETORT_SYSROOT}/usr/include" "${RETORT_SYSROOT}/usr/include/x86_64-linux-gnu"
                  /usr/include
            NO_DEFAULT_PATH)
  find_path(${prefix}_INCLUDE "${arg_HEADER}")
  mark_as_advanced(${prefix}_INCLUDE)
  if(NOT ${prefix}_INCLUDE)
    message(FATAL_ERROR "${arg_HEADER} not found; install ${arg_PACKAGE} (tools/setup.sh does)")
  endif()
  target_include_directories(retort_dep_${name} SYSTEM INTERFACE "${${prefix}_INCLUDE}")
  target_compile_definitions(retort_dep_${name} INTERFACE ${arg_DEFINITIONS})
  foreach(library IN LISTS arg_LIBRARIES)
    find_library(${prefix}_LIBRARY_${library} ${library})
    mark_as_advanced(${prefix}_LIBRARY_${library})
    if(NOT ${prefix}_LIBRARY_${library})
      message(FATAL_ERROR
              "library ${library} not found; install ${arg_PACKAGE} (tools/setup.sh does)")
    endif()
    target_link_libraries(retort_dep_${name} INTERFACE "${${prefix}_LIBRARY_${library}}")
  endforeach()
endfunction()

retort_dependency(fmt PACKAGE libfmt-dev HEADER fmt/core.h LIBRARIES fmt)
retort_dependency(spdlog PACKAGE libspdlog-dev HEADER spdlog/spdlog.h LIBRARIES spdlog
                  DEFINITIONS SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL SPDLOG_SHARED_LIB)
target_link_libraries(retort_dep_spdlog INTERFACE retort_dep_fmt Threads::Threads)
retort_dependency(nlohmann_json PACKAGE nlohmann-json3-dev HEADER nlohmann/json.hpp)
retort_dependency(tomlplusplus PACKAGE libtomlplusplus-dev HEADER toml++/toml.h
                  LIBRARIES tomlplusplus DEFINITIONS TOML_HEADER_ONLY=0)
retort_dependency(cli11 PACKAGE libcli11-dev HEADER CLI/CLI.hpp)
retort_dependency(xxhash PACKAGE libxxhash-dev HEADER xxhash.h LIBRARIES xxhash)
retort_dependency(pcre2 PACKAGE libpcre2-dev HEADER pcre2.h LIBRARIES pcre2-8
                  DEFINITIONS PCRE2_CODE_UNIT_WIDTH=8)
retort_dependency(utf8proc PACKAGE libutf8proc-dev HEADER utf8proc.h LIBRARIES utf8proc)
retort_dependency(gmp_c PACKAGE libgmp-dev HEADER gmp.h LIBRARIES gmp)
retort_dependency(gmp PACKAGE libgmp-dev HEADER gmpxx.h LIBRARIES gmpxx)
target_link_libraries(retort_dep_gmp INTERFACE retort_dep_gmp_c)
retort_dependency(sqlite3 PACKAGE libsqlite3-dev HEADER sqlite3.h LIBRARIES sqlite3)
retort_dependency(zeromq PACKAGE libzmq3-dev HEADER zmq.h LIBRARIES zmq)
retort_dependency(gtest PACKAGE libgtest-dev HEADER gtest/gtest.h LIBRARIES gtest gtest_main)
target_link_libraries(retort_dep_gtest INTERFACE Threads::Threads)
