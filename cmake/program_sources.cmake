# retort_program_sources(<out> <root> [CONFIGURE_DEPENDS]): every file that decides what the program
# does, relative to <root>, in one order on every machine.
function(retort_program_sources out root)
  set(patterns "${root}/CMakeLists.txt")
  foreach(folder base cmake kernels learner models policy rewards rollout tasks tools)
    foreach(name *.cpp *.h *.cu *.cuh *.cmake CMakeLists.txt)
      list(APPEND patterns "${root}/${folder}/${name}")
    endforeach()
  endforeach()
  file(GLOB_RECURSE files RELATIVE "${root}" ${ARGN} ${patterns})
  list(SORT files)
  set(${out} ${files} PARENT_SCOPE)
endfunction()
