// RUN: quant-opt %s --qmm-place-buffers --canonicalize --split-input-file --verify-diagnostics | FileCheck %s
// RUN: quant-opt %s --qmm-place-buffers --canonicalize --qmm-place-buffers --split-input-file --verify-diagnostics | FileCheck %s

// Two buffers that live at once lie side by side, on multiples of 64 bytes; a
// third of the same size takes the first one's place.  What is returned is the
// output's extent and the arena's bytes.
// CHECK-DAG: #[[$TWO:.*]] = affine_map<()[s0] -> ((s0 ceildiv 16) * 128)>
// CHECK-DAG: #[[$ONE:.*]] = affine_map<()[s0] -> ((s0 ceildiv 16) * 64)>
// CHECK-LABEL: func.func @reuse(
// CHECK-SAME: %[[X:.*]]: memref<?xf32> {qmm.name = "x"}, %[[OUT:.*]]: memref<?xf32> {qmm.name = "y"}, %[[ARENA:.*]]: memref<?xi8> {qmm.name = "arena"}) -> (index, index)
// CHECK-SAME: qmm.num_outputs = 1
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK-DAG: %[[NEXT:.*]] = affine.apply #[[$ONE]]()[%[[N]]]
// CHECK-DAG: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][%[[N]]]
// CHECK: memref.copy %[[X]], %[[A]]
// CHECK-DAG: %[[BYTES:.*]] = affine.apply #[[$TWO]]()[%[[N]]]
// CHECK-DAG: %[[B:.*]] = memref.view %[[ARENA]][%[[NEXT]]][%[[N]]]
// CHECK: memref.copy %[[A]], %[[B]]
// CHECK: %[[C:.*]] = memref.view %[[ARENA]][%[[C0]]][%[[N]]]
// CHECK: memref.copy %[[B]], %[[C]]
// CHECK: memref.copy %[[C]], %[[OUT]]
// CHECK: return %[[N]], %[[BYTES]] : index, index
func.func @reuse(%x: memref<?xf32> {qmm.name = "x"}) -> (memref<?xf32> {qmm.name = "y"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  memref.copy %x, %a : memref<?xf32> to memref<?xf32>
  %b = memref.alloc(%n) : memref<?xf32>
  memref.copy %a, %b : memref<?xf32> to memref<?xf32>
  %c = memref.alloc(%n) : memref<?xf32>
  memref.copy %b, %c : memref<?xf32> to memref<?xf32>
  %y = memref.alloc(%n) : memref<?xf32>
  memref.copy %c, %y : memref<?xf32> to memref<?xf32>
  return %y : memref<?xf32>
}

// -----

// A returned input, and a buffer returned twice, are copied.
// CHECK-LABEL: func.func @returned(
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[Y0:.*]]: memref<4xf32>, %[[Y1:.*]]: memref<4xf32>, %[[Y2:.*]]: memref<4xf32>, %{{.*}}: memref<?xi8>
// CHECK: memref.copy %[[X]], %[[Y1]]
// CHECK: memref.copy %[[X]], %[[Y0]]
// CHECK: memref.copy %[[Y1]], %[[Y2]]
func.func @returned(%x: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>, memref<4xf32>) {
  %a = memref.alloc() : memref<4xf32>
  memref.copy %x, %a : memref<4xf32> to memref<4xf32>
  return %x, %a, %a : memref<4xf32>, memref<4xf32>, memref<4xf32>
}

// -----

func.func @in_a_loop(%x: memref<4xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    // expected-error@+1 {{allocates inside of control flow}}
    %a = memref.alloc() : memref<4xf32>
    memref.copy %x, %a : memref<4xf32> to memref<4xf32>
    memref.copy %a, %x : memref<4xf32> to memref<4xf32>
  }
  return
}

// -----

// expected-error@+1 {{has branches between blocks}}
func.func @branches(%c: i1) {
  cf.cond_br %c, ^a, ^b
^a:
  return
^b:
  return
}
