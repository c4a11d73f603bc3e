// RUN: quant-opt %s --qmm-verify-stage=stage=lowered --verify-diagnostics --split-input-file -o /dev/null

func.func @left_over(%x: memref<8xf32>, %arena: memref<?xi8>) -> index attributes {qmm.num_outputs = 0 : i64} {
  %c0 = arith.constant 0 : index
  // expected-error@+1 {{is neither a command nor a kernel's}}
  %v = memref.load %x[%c0] : memref<8xf32>
  return %c0 : index
}

// -----

// expected-error@+1 {{has no output arguments and no arena}}
func.func @not_placed(%x: memref<8xf32>) {
  return
}
