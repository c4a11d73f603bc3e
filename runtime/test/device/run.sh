#!/bin/sh
# Builds the runtime on a machine with a GPU and no LLVM and runs its tests, then
# those on the GPU under compute-sanitizer, where there is one.
#   runtime/test/device/run.sh [CMake arguments]
# BUILD=DIR chooses the build folder (default: build-device, beside runtime/);
# QMM_CUBLASLT_PATH, which cuBLASLt.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
build=${BUILD:-$root/build-device}
cmake -S "$root/runtime" -B "$build" -DCMAKE_BUILD_TYPE=Release "$@"
cmake --build "$build" --parallel "$(nproc)"
ctest --test-dir "$build" --output-on-failure
if command -v compute-sanitizer >/dev/null; then
  # Tests provoke errors of the API on purpose.
  compute-sanitizer --tool memcheck --report-api-errors no --error-exitcode 1 \
    "$build/test/device/qmmrt_device_test"
fi
# A GPU that no test saw would pass as well.
"$build/test/device/qmmrt_device_test" \
  --gtest_filter='ContextOnDevice.MultipliesThroughTheCAbi' |
  grep -q '^\[  PASSED  \] 1 test' ||
  { echo "the tests found no GPU" >&2; exit 1; }
