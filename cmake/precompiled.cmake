# Slim precompiled headers, each made once and shared by every target of its kind. All its users have
# the same flags, or the compiler refuses it.
#
#   retort_torch_pch        code that uses LibTorch
#   retort_test_pch         tests
#   retort_torch_test_pch   tests that use LibTorch
#
# Umbrella headers (torch/torch.h, ATen/ATen.h) stay out: reading them precompiled costs every file more
# than it saves.
set(RETORT_STD_HEADERS <cstdint> <memory> <optional> <span> <string> <string_view> <utility> <vector>)

function(retort_add_pch name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LINK;OPTIONS")
  set(source "${PROJECT_BINARY_DIR}/${name}.cpp")
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "// Carries the precompiled header.\n")
  endif()
  add_library(${name} OBJECT "${source}")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  # -fpch-preprocess is what ccache asks for.
  target_compile_options(${name} PRIVATE ${arg_OPTIONS} -fpch-preprocess)
  target_precompile_headers(${name} PRIVATE ${RETORT_STD_HEADERS} ${arg_HEADERS})
endfunction()

# Tests' own code is compiled once and runs once.
set(RETORT_TEST_OPTIONS "")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(RETORT_TEST_OPTIONS -O1)
endif()

if(RETORT_PCH)
  retort_add_pch(retort_test_pch HEADERS <gtest/gtest.h> LINK retort_dep_gtest
                 OPTIONS ${RETORT_TEST_OPTIONS})
  if(RETORT_TORCH)
    retort_add_pch(retort_torch_pch HEADERS <ATen/core/Tensor.h> LINK retort_torch)
    retort_add_pch(retort_torch_test_pch HEADERS <gtest/gtest.h> <ATen/core/Tensor.h>
                   LINK retort_torch retort_dep_gtest OPTIONS ${RETORT_TEST_OPTIONS})
  endif()
endif()

# Compiles the files of `target` with the header made by target `pch`.
function(retort_use_pch target pch)
  if(RETORT_PCH)
    target_precompile_headers(${target} REUSE_FROM ${pch})
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()
