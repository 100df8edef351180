# Flags of all our code: warnings are errors.
add_library(shoal_flags INTERFACE)
target_include_directories(shoal_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(shoal_flags INTERFACE _GNU_SOURCE SHOAL_VERSION="${PROJECT_VERSION}")
target_compile_options(shoal_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wno-unused-parameter
  -fno-omit-frame-pointer -fstack-protector-strong -fno-common)
if(SHOAL_SANITIZE STREQUAL "address")
  target_compile_options(shoal_flags INTERFACE -fsanitize=address,undefined
                         -fno-sanitize-recover=all)
  target_link_options(shoal_flags INTERFACE -fsanitize=address,undefined)
elseif(SHOAL_SANITIZE STREQUAL "thread")
  target_compile_options(shoal_flags INTERFACE -fsanitize=thread)
  target_link_options(shoal_flags INTERFACE -fsanitize=thread)
endif()
if(SHOAL_FUZZ)
  target_compile_options(shoal_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                         -fno-sanitize-recover=all)
  target_link_options(shoal_flags INTERFACE -fsanitize=address,undefined)
endif()
# Assertions stay on in every build.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()
string(REPLACE "-O3" "-O2 -g" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
