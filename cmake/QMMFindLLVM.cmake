# Finds MLIR, LLVM and LLD 22 and takes over their CMake helpers and flags.
find_package(MLIR CONFIG QUIET HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT MLIR_FOUND OR NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "QMM needs MLIR 22; found: ${LLVM_PACKAGE_VERSION} "
    "${MLIR_DIR}. On Debian or Ubuntu ./bootstrap.sh installs it "
    "(libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools); elsewhere pass "
    "-DMLIR_DIR=PREFIX/lib/cmake/mlir. -DQMM_RUNTIME_ONLY=ON needs no LLVM.")
endif()
# Debian's libMLIR.so and static MLIR libraries must not meet in one process:
# LLVM's options would register twice.  The config leaves this choice to us.
set(MLIR_LINK_MLIR_DYLIB ON)
find_package(LLD CONFIG REQUIRED HINTS ${LLVM_DIR}/../lld)
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION}: ${MLIR_DIR}")

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
set(LLVM_RUNTIME_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/bin)
set(LLVM_LIBRARY_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/lib)
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(HandleLLVMOptions)
separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND ${LLVM_DEFINITIONS})
