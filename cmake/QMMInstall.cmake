# Installs the compiler's libraries, headers and ODS files, and the package that
# find_package(QMM) finds.  The runtime installs itself (package QMMRuntime).
include(CMakePackageConfigHelpers)
set(QMM_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/QMM)

install(TARGETS qmmrt qmmrt_convert qmmrt_flags EXPORT QMMTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT QMMTargets FILE QMMTargets.cmake DESTINATION ${QMM_PACKAGE_DIR})

foreach(root ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  install(DIRECTORY ${root}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc"
    PATTERN CMakeFiles EXCLUDE)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/src/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qmm-internal
  FILES_MATCHING PATTERN "*.h" PATTERN "*-inl.h" EXCLUDE)

get_property(QMM_LIBS GLOBAL PROPERTY QMM_LIBS)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/QMMConfig.cmake.in
  ${PROJECT_BINARY_DIR}/QMMConfig.cmake
  INSTALL_DESTINATION ${QMM_PACKAGE_DIR}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/QMMConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/QMMConfig.cmake
  ${PROJECT_BINARY_DIR}/QMMConfigVersion.cmake
  DESTINATION ${QMM_PACKAGE_DIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
