# The functions that a folder's CMakeLists.txt is written in.
include(program_sources)

# Folders whose headers show tensors: whoever links one of them links LibTorch.
set(RETORT_TORCH_FOLDERS kernels policy rollout learner)

# Translates names of DEPS into targets: a folder's name (or the name of a library that a folder has
# made for a part of itself) is that library, `torch` is LibTorch, any other name is a library of
# cmake/dependencies.cmake.
function(retort_resolve_deps out out_torch)
  set(targets "")
  set(uses_torch FALSE)
  foreach(dep IN LISTS ARGN)
    if(dep STREQUAL "torch")
      list(APPEND targets retort_torch)
      set(uses_torch TRUE)
    elseif(TARGET retort_dep_${dep})
      list(APPEND targets retort_dep_${dep})
    elseif(TARGET retort_${dep})
      list(APPEND targets retort_${dep})
      if(dep IN_LIST RETORT_TORCH_FOLDERS)
        set(uses_torch TRUE)
      endif()
    elseif(dep IN_LIST RETORT_TORCH_FOLDERS AND NOT RETORT_TORCH)
      set(uses_torch TRUE)
    else()
      message(FATAL_ERROR "DEPS ${dep}: neither a folder nor a library of cmake/dependencies.cmake")
    endif()
  endforeach()
  set(${out} "${targets}" PARENT_SCOPE)
  set(${out_torch} ${uses_torch} PARENT_SCOPE)
endfunction()

# retort_library(<folder> [SOURCES <file>…] [TORCH_SOURCES <file>…] [DEPS <name>…])
# The folder's static library retort_<folder>, also retort::<folder>; includes start at the root.
# TORCH_SOURCES are the files that include LibTorch; they are compiled with the shared header.
function(retort_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;TORCH_SOURCES;DEPS")
  retort_resolve_deps(deps uses_torch ${arg_DEPS})
  set(library retort_${folder})
  add_library(${library} STATIC ${arg_SOURCES})
  add_library(retort::${folder} ALIAS ${library})
  set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${library} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${library} PUBLIC ${deps})
  if(arg_TORCH_SOURCES)
    target_link_libraries(${library} PUBLIC retort_torch)
    add_library(${library}_torch OBJECT ${arg_TORCH_SOURCES})
    target_include_directories(${library}_torch PRIVATE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${library}_torch PRIVATE ${deps} retort_torch)
    retort_use_pch(${library}_torch retort_torch_pch)
    target_sources(${library} PRIVATE $<TARGET_OBJECTS:${library}_torch>)
  endif()
endfunction()

# The two instruction sets of the CPU path. The same source gives the same bits under both: it spells
# out every fused multiply-add, and the compiler may not form others.
set(RETORT_ISA_NAMES avx2 avx512)
set(RETORT_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(RETORT_ISA_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c
                            -mprefer-vector-width=512)

# retort_isa_sources(<folder> <file>…), after retort_library(<folder> …)
# Compiles each file once per instruction set, with RETORT_ISA defined to the set's name, into the
# folder's library. Which one runs is the caller's choice at run time, so such a file may not leave
# behind inline functions that the linker could merge with those of other files: a test checks it.
function(retort_isa_sources folder)
  foreach(isa IN LISTS RETORT_ISA_NAMES)
    set(objects retort_${folder}_${isa})
    add_library(${objects} OBJECT ${ARGN})
    target_include_directories(${objects} PRIVATE "${PROJECT_SOURCE_DIR}")
    target_compile_options(${objects} PRIVATE ${RETORT_ISA_FLAGS_${isa}})
    target_compile_definitions(${objects} PRIVATE RETORT_ISA=${isa})
    target_sources(retort_${folder} PRIVATE $<TARGET_OBJECTS:${objects}>)
    add_test(NAME ${folder}_${isa}_objects
             COMMAND "${PROJECT_SOURCE_DIR}/cmake/check_isa_objects.sh" $<TARGET_OBJECTS:${objects}>
             COMMAND_EXPAND_LISTS)
    set_tests_properties(${folder}_${isa}_objects PROPERTIES LABELS unit)
  endforeach()
endfunction()

# retort_program(<name> SOURCES <file>… DEPS <name>…): an executable at the top of the build folder,
# which knows the digest of the sources that it is made of.
function(retort_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  retort_resolve_deps(deps uses_torch ${arg_DEPS})
  retort_program_sources(decides "${PROJECT_SOURCE_DIR}" CONFIGURE_DEPENDS)
  list(TRANSFORM decides PREPEND "${PROJECT_SOURCE_DIR}/")
  set(digest "${CMAKE_CURRENT_BINARY_DIR}/${name}_sources_digest.cpp")
  add_custom_command(OUTPUT "${digest}"
    COMMAND "${CMAKE_COMMAND}" -DROOT=${PROJECT_SOURCE_DIR} -DOUT=${digest}
            -P "${PROJECT_SOURCE_DIR}/cmake/sources_digest.cmake"
    DEPENDS ${decides}
    COMMENT "Digest of the sources" VERBATIM)
  add_executable(${name} ${arg_SOURCES} "${digest}")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${deps})
  target_compile_definitions(${name} PRIVATE
    "RETORT_VERSION=\"${PROJECT_VERSION}\""
    "RETORT_BUILD=\"${CMAKE_BUILD_TYPE}, g++ ${CMAKE_CXX_COMPILER_VERSION}\"")
  if(uses_torch)
    retort_use_pch(${name} retort_torch_pch)
  endif()
endfunction()

# retort_test(<name> SOURCES <file>… DEPS <name>… [LABELS unit|e2e|gpu|slow …] [TIMEOUT <s>])
# One GoogleTest program in <build>/tests and one ctest entry, run from the root of the sources.
# Skipped as a whole in a build without LibTorch when it needs LibTorch.
function(retort_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;DEPS;LABELS")
  retort_resolve_deps(deps uses_torch ${arg_DEPS})
  if(uses_torch AND NOT RETORT_TORCH)
    return()
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(RETORT_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 10")  # what a sanitizer costs
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${deps} retort_dep_gtest)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  target_compile_options(${name} PRIVATE ${RETORT_TEST_OPTIONS})
  if(uses_torch)
    retort_use_pch(${name} retort_torch_test_pch)
  else()
    retort_use_pch(${name} retort_test_pch)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "RETORT_PROGRAM=${PROJECT_BINARY_DIR}/retort")
endfunction()
