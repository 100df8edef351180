# Every tests/unit/**/test_*.c is one cmocka program; every tests/e2e/test_*.py is one test; every
# tests/bench/bench_*.c a program that is built but not run by ctest. Fuzz targets are
# tests/fuzz/fuzz_*.c: with SHOAL_FUZZ they are libFuzzer programs, else a small driver feeds each
# its corpus once, so that the corpus is a regression test of every build.
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)

# A test's modules are all there are: the linker takes what it needs.
set(all_modules shoal_simulators shoal_report)

function(shoal_program source prefix)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ${all_modules} shoal_flags Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${prefix})
endfunction()

file(GLOB_RECURSE unit_tests CONFIGURE_DEPENDS tests/unit/test_*.c)
foreach(source IN LISTS unit_tests)
  shoal_program(${source} unit)
  get_filename_component(name ${source} NAME_WE)
  target_link_libraries(${name} PRIVATE PkgConfig::cmocka)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endforeach()
# Minutes under ThreadSanitizer, with one thread only: nothing for it to see.
if(SHOAL_SANITIZE STREQUAL "thread")
  set_tests_properties(test_state_faults test_state_model PROPERTIES LABELS unit-one-thread)
endif()

file(GLOB benches CONFIGURE_DEPENDS tests/bench/bench_*.c)
foreach(source IN LISTS benches)
  shoal_program(${source} bench)
endforeach()

file(GLOB fuzzers CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source IN LISTS fuzzers)
  shoal_program(${source} fuzz)
  get_filename_component(name ${source} NAME_WE)
  if(SHOAL_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE tests/fuzz/driver.c)
    add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
endforeach()

# tests/sanitize: what asan and tsan builds play (label sanitize), and valgrind (label valgrind).
file(GLOB scripts CONFIGURE_DEPENDS tests/e2e/test_*.py tests/lint/test_*.py
  tests/sanitize/test_*.py tests/sanitize/valgrind_*.py)
foreach(source IN LISTS scripts)
  get_filename_component(name ${source} NAME_WE)
  get_filename_component(folder ${source} DIRECTORY)
  get_filename_component(label ${folder} NAME)
  if(name MATCHES "^valgrind_")
    set(label valgrind)
  endif()
  add_test(NAME ${label}_${name} COMMAND /usr/bin/python3 ${source}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${label}_${name} PROPERTIES LABELS ${label} TIMEOUT 600
    ENVIRONMENT "SHOAL=${CMAKE_BINARY_DIR}/shoal;SHOAL_BUILD=${CMAKE_BINARY_DIR}")
endforeach()
