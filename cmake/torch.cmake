# Interface target retort_torch: LibTorch's headers, libraries and flags.
#
# Where LibTorch comes from, first hit: CMAKE_PREFIX_PATH (the user's own), the private environment
# that tools/setup.sh fills, a Python with torch on PATH. find_package(Torch) is not used: it switches
# the CUDA language on and fails without a toolkit, and a CPU build needs two libraries only.
if(NOT RETORT_TORCH)
  set(RETORT_WITH_CUDA OFF)
  message(STATUS "LibTorch: off; only what needs none is built")
  return()
endif()

# Sets `out` to the folder that holds include/ATen and lib/libtorch_cpu.so, or to nothing.
function(retort_find_torch_root out)
  set(candidates "")
  string(REPLACE ":" ";" from_environment "$ENV{CMAKE_PREFIX_PATH}")
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH from_environment)
    # As `torch.utils.cmake_prefix_path` gives it (…/torch/share/cmake), …/share/cmake/Torch, or
    # the root itself.
    list(APPEND candidates "${prefix}" "${prefix}/../.." "${prefix}/../../..")
  endforeach()
  file(GLOB wheel "${PROJECT_SOURCE_DIR}/.retort/env/lib/python3*/site-packages/torch"
       "${PROJECT_SOURCE_DIR}/.retort/env/site-packages/torch")
  list(APPEND candidates ${wheel})
  foreach(candidate IN LISTS candidates)
    if(EXISTS "${candidate}/include/ATen/core/Tensor.h" AND EXISTS "${candidate}/lib/libtorch_cpu.so")
      get_filename_component(candidate "${candidate}" REALPATH)
      set(${out} "${candidate}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  find_program(RETORT_PYTHON NAMES python3)
  mark_as_advanced(RETORT_PYTHON)
  if(RETORT_PYTHON)
    execute_process(
      COMMAND "${RETORT_PYTHON}" -c
              "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0 AND EXISTS "${found}/lib/libtorch_cpu.so")
      set(${out} "${found}" PARENT_SCOPE)
      return()
    endif()
  endif()
  set(${out} "" PARENT_SCOPE)
endfunction()

retort_find_torch_root(RETORT_TORCH_ROOT)
if(NOT RETORT_TORCH_ROOT)
  message(FATAL_ERROR "LibTorch not found; run tools/setup.sh, or point CMAKE_PREFIX_PATH at one, "
                      "or build the half without it: -DRETORT_TORCH=OFF")
endif()
set(torch_lib "${RETORT_TORCH_ROOT}/lib")
set(torch_include "${RETORT_TORCH_ROOT}/include")

set(version_file "${torch_include}/torch/headeronly/version.h")
if(NOT EXISTS "${version_file}")
  # Its place before 2.10.
  set(version_file "${torch_include}/torch/csrc/api/include/torch/version.h")
endif()
file(STRINGS "${version_file}" version_lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" version_numbers "${version_lines}")
string(REPLACE ";" "." RETORT_TORCH_VERSION "${version_numbers}")
if(RETORT_TORCH_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "LibTorch ${RETORT_TORCH_VERSION} in ${RETORT_TORCH_ROOT}; 2.11 or newer is "
                      "needed")
endif()

# LibTorch ships copies of other projects' headers (fmt among them) beside its own. Only its own are
# made visible, so that <fmt/core.h> is the one whose library is linked.
set(torch_view "${PROJECT_BINARY_DIR}/torch_include")
file(MAKE_DIRECTORY "${torch_view}")
foreach(part ATen c10 caffe2 torch)
  if(EXISTS "${torch_include}/${part}")
    file(REMOVE "${torch_view}/${part}")
    file(CREATE_LINK "${torch_include}/${part}" "${torch_view}/${part}" SYMBOLIC)
  endif()
endforeach()

add_library(retort_torch INTERFACE)
target_include_directories(retort_torch SYSTEM INTERFACE "${torch_view}")
target_compile_definitions(retort_torch INTERFACE AT_PER_OPERATOR_HEADERS _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(retort_torch INTERFACE "${torch_lib}/libtorch_cpu.so" "${torch_lib}/libc10.so")

# LibTorch is linked to the shared libstdc++ and binds to whatever copy of its symbols comes first. Some
# compilers link libstdc++.a without being asked; a second std::locale in the program then aborts in
# LibTorch (`free(): invalid pointer`). So the shared library is named, before the compiler names its own.
target_link_libraries(retort_torch INTERFACE -Wl,--push-state,--no-as-needed -l:libstdc++.so.6 -Wl,--pop-state)

# CUDA: a driver that answers, and a LibTorch whose CUDA half finds all its libraries.
set(RETORT_WITH_CUDA OFF)
if(NOT RETORT_CUDA STREQUAL "OFF")
  set(reason "")
  if(NOT EXISTS "${torch_lib}/libtorch_cuda.so")
    set(reason "this LibTorch has no libtorch_cuda.so")
  endif()
  if(NOT reason AND RETORT_CUDA STREQUAL "AUTO")
    execute_process(COMMAND nvidia-smi -L RESULT_VARIABLE driver OUTPUT_QUIET ERROR_QUIET)
    if(NOT driver EQUAL 0)
      set(reason "no NVIDIA driver answers")
    endif()
  endif()
  if(NOT reason)
    execute_process(COMMAND ldd "${torch_lib}/libtorch_cuda.so" OUTPUT_VARIABLE needed ERROR_QUIET)
    string(REGEX MATCH "[^\n\t ]+ => not found" missing "${needed}")
    if(missing)
      set(reason "libtorch_cuda.so: ${missing}")
    endif()
  endif()
  if(NOT reason)
    set(RETORT_WITH_CUDA ON)
  elseif(RETORT_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA: off (${reason})")
  else()
    message(FATAL_ERROR "RETORT_CUDA=ON: ${reason}")
  endif()
endif()
if(RETORT_WITH_CUDA)
  # Nothing refers to libtorch_cuda by symbol; it registers itself when loaded.
  target_link_libraries(retort_torch INTERFACE
    -Wl,--no-as-needed "${torch_lib}/libtorch_cuda.so" -Wl,--as-needed "${torch_lib}/libc10_cuda.so")
  target_compile_definitions(retort_torch INTERFACE RETORT_CUDA=1)
  # ATen/cuda/*.h include the CUDA runtime's headers.
  get_filename_component(torch_site "${RETORT_TORCH_ROOT}/.." REALPATH)
  find_path(RETORT_CUDA_INCLUDE cuda_runtime_api.h
            HINTS "${torch_site}/nvidia/cu13/include" /usr/local/cuda/include ENV CUDA_HOME
            PATH_SUFFIXES include)
  mark_as_advanced(RETORT_CUDA_INCLUDE)
  if(RETORT_CUDA_INCLUDE)
    target_include_directories(retort_torch SYSTEM INTERFACE "${RETORT_CUDA_INCLUDE}")
  endif()
  message(STATUS "CUDA: on")
endif()
message(STATUS "LibTorch: ${RETORT_TORCH_VERSION} in ${RETORT_TORCH_ROOT}")
