# cmake --install, and a .deb by CPack: the program, its plans, its man page and its completion.
include(GNUInstallDirs)
if(TARGET shoal)
  set(generated ${CMAKE_BINARY_DIR}/generated)
  add_custom_command(OUTPUT ${generated}/shoal.1 ${generated}/shoal.bash
    COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
    COMMAND $<TARGET_FILE:shoal> help --man > ${generated}/shoal.1
    COMMAND $<TARGET_FILE:shoal> help --completion > ${generated}/shoal.bash
    DEPENDS shoal VERBATIM)
  add_custom_target(shoal_generated ALL DEPENDS ${generated}/shoal.1 ${generated}/shoal.bash)

  install(TARGETS shoal RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${generated}/shoal.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${generated}/shoal.bash RENAME shoal
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(DIRECTORY configs contrib DESTINATION ${CMAKE_INSTALL_DATADIR}/shoal)
  install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_NAME shoal)
  set(CPACK_PACKAGE_CONTACT "Shoal maintainers <maintainers@example.org>")
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PACKAGE_SECTION net)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_STRIP_FILES ON)
  include(CPack)
endif()
