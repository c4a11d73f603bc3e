#!/bin/sh
# Builds the runtime with its benchmark and runs it: read bandwidth, f32 and
# weight-only GEMV, and GEMM against OpenBLAS, as ratios of one run.
#   bench/cpu.sh [--json] [--threads=N] [--repeat=N]
# BUILD=DIR chooses the build folder (default: build-bench, beside bench/).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$root/build-bench}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake -S "$root/runtime" -B "$build" -DCMAKE_BUILD_TYPE=Release \
         -DQMM_RUNTIME_BENCH=ON -DQMM_RUNTIME_TESTS=OFF &&
       cmake --build "$build" --target qmm-bench-cpu --parallel "$(nproc)"; } \
     >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
exec "$(find "$build" -name qmm-bench-cpu -type f | head -n 1)" "$@"
