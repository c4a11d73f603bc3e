#!/usr/bin/env bash
# bootstrap.sh - From a bare machine to a first result.
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Installs what is missing, builds into build/ and runs the main job on the
# example checkpoint.  Safe to run again: what is there already is left alone,
# and a machine that has everything needs no network.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'EOF'
usage: ./bootstrap.sh [--no-install] [--dev] [--no-example] [--jobs=N] [--help]

Installs what is missing, builds QMM into build/, and runs the example: a
quantized checkpoint is imported, compiled, run on the CPU and compared with the
same layers at full precision.

  --no-install   install nothing; say what is missing and stop
  --dev          also install what .ci/run uses: clang-format, clang-tidy,
                 the sanitizers' and libFuzzer's runtime
  --no-example   stop after the build
  --jobs=N       compile N files at a time (default: by CPUs and memory)

Debian 12 has every package. On another Debian or on Ubuntu, version 22 of the
LLVM packages comes from LLVM's own apt repository.
EOF
}

install=1 dev=0 example=1 jobs=
for arg in "$@"; do
  case $arg in
  --no-install) install=0 ;;
  --dev) dev=1 ;;
  --no-example) example=0 ;;
  --jobs=*) jobs=${arg#--jobs=} ;;
  -h | --help) usage; exit 0 ;;
  *) echo "bootstrap.sh: unknown option '$arg'" >&2; usage >&2; exit 2 ;;
  esac
done
case $jobs in
*[!0-9]* | 0) echo "bootstrap.sh: --jobs=$jobs: a number from 1 up" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*"; }
fail() { printf '\nbootstrap.sh: %s\n' "$*" >&2; exit 1; }

# Packages, and why each is here.
packages=(
  libmlir-22-dev     # MLIR's headers and libMLIR.so
  mlir-22-tools      # mlir-tblgen
  llvm-22-dev        # LLVM's headers, libLLVM.so, CMake files
  llvm-22-tools      # lit and FileCheck, for the tests
  liblld-22-dev      # lld as a library: quant-compile links CPU kernels itself
  clang-22 lld-22    # build a third faster than g++
  libhwy-dev         # SIMD with run-time dispatch
  nlohmann-json3-dev # JSON of checkpoints and reports
  libxxhash-dev      # XXH3, header only: checksums of artefacts and weights
  libgtest-dev       # unit tests
  python3-numpy      # the tests' independent reference
)
if [ "$dev" = 1 ]; then
  packages+=(clang-format-22 clang-tidy-22 libclang-rt-22-dev)
fi
# Needed as commands, wherever they come from.
declare -A commands=([cmake]=cmake [ninja]=ninja-build [python3]=python3)

needed_list() {
  echo "MLIR, LLVM, clang and lld 22 with their development files (Debian:" \
    "${packages[*]}), cmake 3.20 or newer, ninja, python3 3.9 or newer with numpy"
}

# Free space in GiB where $1 is.
free_gib() { df -Pk "$1" | awk 'NR == 2 { printf "%d", $4 / 1048576 }'; }
need_disk() { # folder, GiB, what for
  local have
  have=$(free_gib "$1")
  [ "$have" -ge "$2" ] ||
    fail "$1 has $have GiB free; $3 needs $2 GiB. Free some space and run this again."
}

step "1/4 Looking for what the build needs"
missing=()
for command in "${!commands[@]}"; do
  command -v "$command" >/dev/null || missing+=("${commands[$command]}")
done
if command -v dpkg-query >/dev/null; then
  for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
  done
elif [ ! -e "${MLIR_DIR:-/usr/lib/llvm-22/lib/cmake/mlir}/MLIRConfig.cmake" ]; then
  fail "this isn't a Debian or Ubuntu system, and MLIR 22 wasn't found.
Install: $(needed_list).
Then set MLIR_DIR to the folder of MLIRConfig.cmake and run this again."
fi

if [ ${#missing[@]} = 0 ]; then
  echo "everything is installed"
else
  echo "missing: ${missing[*]}"
  [ "$install" = 1 ] || fail "--no-install was given. To install by hand:
  apt-get install --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null ||
    fail "there is no apt-get here. Install: $(needed_list)."
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      fail "installing needs root, and there is no sudo. As root, run:
  apt-get install --no-install-recommends ${missing[*]}
and then this script again."
    as_root=(sudo)
  fi
  need_disk /usr 4 "installing the packages"

  step "2/4 Installing ${#missing[@]} packages (apt-get)"
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  # A broken third-party source mustn't stop us: what counts is whether the
  # packages can be had.
  "${as_root[@]}" apt-get update -qq || echo "apt-get update reported errors; going on"
  unknown=()
  for package in "${missing[@]}"; do
    candidate=$(LC_ALL=C apt-cache policy "$package" | awk '/Candidate:/ { print $2 }') ||
      fail "apt-cache failed; its message is above"
    if [ -z "$candidate" ] || [ "$candidate" = "(none)" ]; then
      unknown+=("$package")
    fi
  done
  if [ ${#unknown[@]} != 0 ]; then
    system=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-this system}")
    fail "the package lists of $system don't have: ${unknown[*]}.
Debian 12 has them in its security archive (bookworm-security). On other
releases add LLVM's own apt repository for version 22, and run this again."
  fi
  echo "downloading up to 400 MB, 2 GB installed; apt-get's log is build/apt.log"
  mkdir -p build
  "${as_root[@]}" apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 \
    "${missing[@]}" >build/apt.log 2>&1 ||
    { tail -30 build/apt.log >&2; fail "apt-get couldn't install: ${missing[*]}"; }
fi

cmake_version=$(cmake --version | awk 'NR == 1 { print $3 }')
[ "$(printf '3.20\n%s\n' "$cmake_version" | sort -V | head -1)" = 3.20 ] ||
  fail "cmake $cmake_version is on the PATH; 3.20 or newer is needed"

step "3/4 Building into build/"
if [ ! -e build/bin/quant-run ]; then
  need_disk "$PWD" 4 "the first build"
else
  need_disk "$PWD" 1 "a rebuild"
fi
if [ -z "$jobs" ]; then
  # A file that includes much of MLIR takes up to 1.5 GiB to compile.
  cpus=$(nproc)
  by_memory=$(awk '/MemAvailable/ { printf "%d", $2 / 1572864 }' /proc/meminfo)
  jobs=$((by_memory < 1 ? 1 : by_memory < cpus ? by_memory : cpus))
fi
log=build/bootstrap.log
mkdir -p build
configure=(cmake -S . -B build -G Ninja)
[ -e build/CMakeCache.txt ] || configure+=(-DCMAKE_BUILD_TYPE=Release)
[ -z "${MLIR_DIR:-}" ] || configure+=("-DMLIR_DIR=$MLIR_DIR")
if ! "${configure[@]}" >"$log" 2>&1; then
  tail -40 "$log" >&2
  fail "cmake failed; the whole log is $log"
fi
sed -n 's/^-- \(MLIR [0-9].*\)/using \1/p' "$log"
awk -F= '/^CMAKE_CXX_COMPILER:/ { print "compiler: " $2 }
         /^CMAKE_BUILD_TYPE:/ { print "build type: " $2 }' build/CMakeCache.txt
echo "compiling with $jobs jobs (10 minutes on 2 cores the first time)"
# Show progress on a terminal, keep quiet in a log.
if [ -t 1 ]; then
  cmake --build build -j "$jobs" || fail "the build failed; see above"
else
  cmake --build build -j "$jobs" >>"$log" 2>&1 ||
    { tail -60 "$log" >&2; fail "the build failed; the whole log is $log"; }
fi
echo "built: $(cd build/bin && echo quant-*)"

if [ "$example" = 1 ]; then
  step "4/4 Running a quantized checkpoint on the CPU (examples/run-checkpoint.sh)"
  ./examples/run-checkpoint.sh
  echo
  echo "Done. Tests: ./check.sh   The same on your own file:"
  echo "  ./examples/run-checkpoint.sh MODEL.safetensors"
fi
