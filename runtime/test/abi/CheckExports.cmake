# The library's dynamic symbols, exports.txt and the headers agree exactly.
# -DNM= -DLIBRARY= -DEXPORTS= -DHEADERS=
execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY}
  OUTPUT_VARIABLE text RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "nm failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL "[^ \n]+\n" found "${text}")
list(TRANSFORM found STRIP)
list(TRANSFORM found REPLACE "@.*" "")
list(SORT found)

file(STRINGS ${EXPORTS} listed)
list(SORT listed)

set(declared)
file(GLOB headers ${HEADERS}/*.h)
foreach(header ${headers})
  file(READ ${header} text)
  string(REGEX MATCHALL "QMM_EXPORT[^;(]*[ *\n](qmm_[a-z0-9_]+)\\(" uses "${text}")
  foreach(use ${uses})
    string(REGEX REPLACE ".*[ *\n](qmm_[a-z0-9_]+)\\($" "\\1" name "${use}")
    list(APPEND declared ${name})
  endforeach()
endforeach()
list(SORT declared)

foreach(other found declared)
  if(NOT "${${other}}" STREQUAL "${listed}")
    set(missing ${listed})
    list(REMOVE_ITEM missing ${${other}})
    set(extra ${${other}})
    list(REMOVE_ITEM extra ${listed})
    message(FATAL_ERROR "exports.txt differs from the symbols ${other}: "
      "missing there: ${missing}; only there: ${extra}")
  endif()
endforeach()
list(LENGTH listed count)
message(STATUS "${count} exported symbols, as listed and declared")
