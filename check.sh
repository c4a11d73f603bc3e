#!/usr/bin/env bash
# check.sh - Runs every test and counts them.
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The runtime's tests are CTest's, everything else is lit's; the last line sums
# both up.  Logs of failures come before it.
set -euo pipefail
cd "$(dirname "$0")"

build=build filter= jobs=$(nproc)
for arg in "$@"; do
  case $arg in
  --build-dir=*) build=${arg#*=} ;;
  --filter=*) filter=${arg#*=} ;;
  --jobs=*) jobs=${arg#*=} ;;
  -h | --help)
    cat <<'EOF'
usage: ./check.sh [--build-dir=DIR] [--filter=REGEX] [--jobs=N]

Builds (into build/ unless told otherwise) and runs all tests: CTest for the
runtime, lit for the compiler, the tools, the unit tests and the documentation.
--filter runs only the tests whose name matches. Closes with
'N passed, N failed'; exits 0 only when none failed and at least one ran.
EOF
    exit 0
    ;;
  *) echo "check.sh: unknown option '$arg'; see --help" >&2; exit 2 ;;
  esac
done

if [ ! -e "$build/CMakeCache.txt" ]; then
  echo "== configuring $build"
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
fi
results=$build/test-results
rm -rf "$results"
mkdir -p "$results"
results=$(cd "$results" && pwd)

echo "== building"
if ! cmake --build "$build" -j "$jobs" >"$results/build.log" 2>&1; then
  tail -60 "$results/build.log"
  echo "check.sh: the build failed; the whole log is $results/build.log" >&2
  echo "0 passed, 1 failed"
  exit 1
fi

# Failures are counted from the result files: one that is missing is a failure.
echo "== runtime (ctest)"
ctest --test-dir "$build" --output-on-failure -j "$jobs" --timeout 900 \
  ${filter:+-R "$filter"} --output-junit "$results/ctest.xml" \
  >"$results/ctest.log" 2>&1 || true
grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ +Test +#.* Passed )' "$results/ctest.log" || true

expected=("$results/ctest.xml")
if ! grep -q '^QMM_RUNTIME_ONLY:BOOL=ON' "$build/CMakeCache.txt"; then
  echo "== compiler, tools and documentation (lit)"
  lit=$(sed -n 's/^LLVM_EXTERNAL_LIT:[A-Z]*=//p' "$build/CMakeCache.txt")
  "$lit" -v -j "$jobs" ${filter:+--filter "$filter" --allow-empty-runs} \
    --no-progress-bar --print-result-after failed \
    -o "$results/lit.json" "$build/test" "$build/test/Unit" || true
  expected+=("$results/lit.json")
fi

echo
exec python3 utils/count-tests.py "${expected[@]}"
