# Helpers for QMM's libraries, tools, unit tests and generated documents.

# add_qmm_library(NAME source...
#   [DEPENDS target...]      generated headers it needs
#   [LINK_LIBS library...]   QMM's own libraries, the runtime, lld
#   [MLIR_LIBS library...]   upstream MLIR libraries (libMLIR.so holds them all)
#   [LINK_COMPONENTS name...] LLVM components)
function(add_qmm_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS;MLIR_LIBS;LINK_COMPONENTS"
    ${ARGN})
  add_mlir_library(${name} ${ARG_UNPARSED_ARGUMENTS}
    EXCLUDE_FROM_LIBMLIR DISABLE_INSTALL
    DEPENDS ${ARG_DEPENDS}
    LINK_COMPONENTS ${ARG_LINK_COMPONENTS}
    LINK_LIBS PUBLIC ${ARG_LINK_LIBS})
  mlir_target_link_libraries(${name} PUBLIC ${ARG_MLIR_LIBS})
  target_include_directories(${name} INTERFACE
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS ${name} EXPORT QMMTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  set_property(GLOBAL APPEND PROPERTY QMM_LIBS ${name})
endfunction()

# add_qmm_tool(NAME source... [LINK_LIBS …] [MLIR_LIBS …] [LINK_COMPONENTS …])
# builds bin/NAME and installs it.
function(add_qmm_tool name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS;MLIR_LIBS;LINK_COMPONENTS"
    ${ARGN})
  set(LLVM_LINK_COMPONENTS ${ARG_LINK_COMPONENTS} Support)
  add_llvm_executable(${name} ${ARG_UNPARSED_ARGUMENTS}
    DEPENDS ${ARG_DEPENDS})
  llvm_update_compile_flags(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  mlir_target_link_libraries(${name} PRIVATE ${ARG_MLIR_LIBS})
  # libMLIR.so lies in LLVM's own folder, which the loader doesn't search.
  set_target_properties(${name} PROPERTIES
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${LLVM_LIBRARY_DIR}")
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set_property(GLOBAL APPEND PROPERTY QMM_TOOLS ${name})
endfunction()

# add_qmm_unittest(NAME source... [LINK_LIBS …] [MLIR_LIBS …]) builds a gtest
# binary that lit runs case by case.  NAME ends in Tests.
function(add_qmm_unittest name)
  if(NOT name MATCHES "Tests$")
    message(FATAL_ERROR "unit test ${name}: its name must end in Tests, or lit "
      "won't find it")
  endif()
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS;MLIR_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  llvm_update_compile_flags(${name})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} GTest::gtest
    GTest::gtest_main)
  mlir_target_link_libraries(${name} PRIVATE ${ARG_MLIR_LIBS})
  set_property(GLOBAL APPEND PROPERTY QMM_UNIT_TESTS ${name})
endfunction()
