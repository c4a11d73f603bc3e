# Prefers clang 22 with lld and ccache where they are installed: they build QMM
# a third faster than g++, which stays the fallback.  A compiler or launcher
# that the user names (-D…, a toolchain file, CC/CXX) is left alone.
# Included before project().
option(QMM_PREFER_CLANG "Use clang 22 and lld when they are installed" ON)
option(QMM_PREFER_CCACHE "Use ccache when it is installed" ON)

if(QMM_PREFER_CLANG AND NOT CMAKE_TOOLCHAIN_FILE
   AND NOT DEFINED CMAKE_C_COMPILER AND NOT DEFINED CMAKE_CXX_COMPILER
   AND NOT DEFINED ENV{CC} AND NOT DEFINED ENV{CXX})
  find_program(QMM_CLANG NAMES clang-22 HINTS /usr/lib/llvm-22/bin)
  find_program(QMM_CLANGXX NAMES clang++-22 HINTS /usr/lib/llvm-22/bin)
  find_program(QMM_LLD NAMES ld.lld-22 HINTS /usr/lib/llvm-22/bin)
  mark_as_advanced(QMM_CLANG QMM_CLANGXX QMM_LLD)
  if(QMM_CLANG AND QMM_CLANGXX AND QMM_LLD)
    set(CMAKE_C_COMPILER ${QMM_CLANG} CACHE FILEPATH "C compiler")
    set(CMAKE_CXX_COMPILER ${QMM_CLANGXX} CACHE FILEPATH "C++ compiler")
    foreach(kind EXE SHARED MODULE)
      set(CMAKE_${kind}_LINKER_FLAGS_INIT "-fuse-ld=lld")
    endforeach()
  endif()
endif()

if(QMM_PREFER_CCACHE)
  find_program(QMM_CCACHE NAMES ccache)
  mark_as_advanced(QMM_CCACHE)
  if(QMM_CCACHE)
    foreach(language C CXX)
      if(NOT DEFINED CMAKE_${language}_COMPILER_LAUNCHER)
        set(CMAKE_${language}_COMPILER_LAUNCHER ${QMM_CCACHE} CACHE STRING
          "Compiler launcher")
      endif()
    endforeach()
  endif()
endif()
