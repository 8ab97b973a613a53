# Every switch of the build, with its default.
option(RETORT_TORCH "Build the half that needs LibTorch (kernels, policy, rollout, learner, tools)" ON)
set(RETORT_CUDA "AUTO" CACHE STRING "Link LibTorch's CUDA half: AUTO (on where a driver works), ON, OFF")
set_property(CACHE RETORT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(RETORT_SANITIZE "" CACHE STRING "Sanitizers: empty, address,undefined or thread")
set_property(CACHE RETORT_SANITIZE PROPERTY STRINGS "" "address,undefined" "thread")
option(RETORT_WERROR "Warnings are errors" OFF)
option(RETORT_DEBUG_INFO "Line tables (-g1) in every build type" OFF)
option(RETORT_CCACHE "Compile through ccache when it is found" ON)
option(RETORT_PCH "Share one precompiled header among the files that use LibTorch" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
