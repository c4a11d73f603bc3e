#!/usr/bin/env bash
# run-checkpoint.sh - A quantized checkpoint, imported, compiled and run.
#
# Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The main job in three commands, then a table: what each layer is, what it
# saves, and how far its output is from the unquantized layer's.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'EOF'
usage: examples/run-checkpoint.sh [CHECKPOINT.safetensors [REFERENCE.safetensors]]
                                  [--activations=MODE] [--out=DIR] [--rows=M]

Without arguments: the NVFP4 + FP8 checkpoint of the repository, compared with
its bf16 original. With a checkpoint of your own: the layers run on random
input; a REFERENCE holds the same layers unquantized.

  --activations=MODE  auto (default), wide, checkpoint, dynamic or comfy
  --out=DIR           where the compiled program goes (default build/example)
  --rows=M            rows of random input, where the repository has none
EOF
}

out=$root/build/example activations=auto rows=37 files=()
for arg in "$@"; do
  case $arg in
  --activations=*) activations=${arg#*=} ;;
  --out=*) out=${arg#*=} ;;
  --rows=*) rows=${arg#*=} ;;
  -h | --help) usage; exit 0 ;;
  -*) echo "run-checkpoint.sh: unknown option '$arg'" >&2; usage >&2; exit 2 ;;
  *) files+=("$arg") ;;
  esac
done
[ ${#files[@]} -le 2 ] || { usage >&2; exit 2; }

data=$root/test/data/checkpoints
inputs=()
if [ ${#files[@]} = 0 ]; then
  files=("$data/ctq_mixed_nvfp4_fp8.safetensors" "$data/model_bf16.safetensors")
  inputs=("$data"/model_input*.safetensors)
fi
checkpoint=${files[0]} reference=${files[1]:-}

bin=${QMM_BIN_DIR:-$root/build/bin}
for tool in quant-import quant-compile quant-run; do
  [ -x "$bin/$tool" ] ||
    { echo "run-checkpoint.sh: $bin/$tool isn't built; run ./bootstrap.sh" >&2; exit 1; }
done
mkdir -p "$out"

# Shows a command the way it would be typed, then runs it.
run() {
  local shown=("$1")
  local word
  for word in "${@:2}"; do shown+=("${word//"$root/"/}"); done
  echo "\$ ${shown[*]}"
  PATH=$bin:$PATH "$@"
}

# compile CHECKPOINT NAME: imports every linear layer, compiles for the CPU.
compile() {
  run quant-import "$1" -o "$out/$2.mlir"
  run quant-compile "$out/$2.mlir" --target=cpu "--checkpoint=$1" \
    "--activations=$activations" "--report=$out/$2.json" -o "$out/$2.qmm"
}

compile "$checkpoint" model
[ -z "$reference" ] || compile "$reference" reference
echo "\$ quant-run ${out#"$root/"}/model.qmm --entry=LAYER --inputs=X.safetensors --outputs=Y.safetensors   # per layer"
echo
exec python3 "$root/examples/layer-table.py" --bin="$bin" --rows="$rows" \
  --work="$out" "$checkpoint" ${reference:+"$reference"} \
  ${inputs[@]:+"${inputs[@]/#/--input=}"}
