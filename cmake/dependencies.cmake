# Every third party is a Debian 12 package (the list with the package names is in ./dev).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(shoal_pkg name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE PkgConfig::${name})
endfunction()

function(shoal_lib name library)
  find_library(lib_${name} NAMES ${library} REQUIRED)
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE ${lib_${name}})
endfunction()

shoal_pkg(uv libuv)
shoal_pkg(openssl openssl)
shoal_pkg(sodium libsodium)
shoal_pkg(curl libcurl)
shoal_pkg(cjson libcjson)
shoal_pkg(microhttpd libmicrohttpd)
shoal_pkg(zlib zlib)
shoal_lib(lmdb lmdb)
shoal_lib(gmp gmp)
shoal_lib(m m)
# The static archive: the shared one pulls in the C++ runtime.
shoal_lib(boost_context libboost_context.a)
