// RUN: quant-opt %s --split-input-file --qmm-outline-kernels | FileCheck %s
// Running it again changes nothing.
// RUN: quant-opt %s --split-input-file --qmm-outline-kernels > %t.once
// RUN: quant-opt %t.once --split-input-file --qmm-outline-kernels > %t.twice
// RUN: diff %t.once %t.twice

#id = affine_map<(i, j) -> (i, j)>

// Both loops are one; its extent is the product.
// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME:    %[[X:.*]]: memref<?x64xf32>, %[[Y:.*]]: memref<?x64xf32>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG:     %[[M:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK:         %[[N:.*]] = arith.muli %[[M]], %[[C64]]
// CHECK:         qmm.launch @qmm.kernels::@elementwise_kernel_0(%[[X]], %[[Y]] : memref<?x64xf32>, memref<?x64xf32>) integers() extent(%[[N]])
// CHECK-NEXT:    return
// CHECK:       module @qmm.kernels
// CHECK:         func.func @elementwise_kernel_0(
// CHECK-SAME:      %[[A:.*]]: memref<?x64xf32>, %[[B:.*]]: memref<?x64xf32>, %[[BEGIN:.*]]: index, %[[END:.*]]: index)
// CHECK-DAG:       memref.collapse_shape %[[A]]
// CHECK-DAG:       memref.collapse_shape %[[B]]
// CHECK-DAG:       %[[LENGTH:.*]] = arith.subi %[[END]], %[[BEGIN]]
// CHECK-DAG:       memref.subview %{{.*}}[%[[BEGIN]]] [%[[LENGTH]]] [1]
// CHECK:           linalg.generic
// CHECK-SAME:        iterator_types = ["parallel"]
func.func @elementwise(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [#id, #id],
                  iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<?x64xf32>) outs(%y : memref<?x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>

// A broadcast keeps the loops apart; a loop of extent 1 isn't the one split.
// CHECK-LABEL: func.func @one_row(
// CHECK-SAME:    %[[X:.*]]: memref<1x?xf32>,
// CHECK:         %[[N:.*]] = memref.dim %[[X]]
// CHECK:         qmm.launch @qmm.kernels::@one_row_kernel_0({{.*}}) integers() extent(%[[N]])
// CHECK:       func.func @one_row_kernel_0({{.*}} %[[BEGIN:.*]]: index, %[[END:.*]]: index)
// CHECK:         memref.subview %{{.*}}[0, %[[BEGIN]]] [1, %{{.*}}] [1, 1]
func.func @one_row(%x: memref<1x?xf32>, %b: memref<?xf32>, %y: memref<1x?xf32>) {
  linalg.generic {indexing_maps = [#mn, #n, #mn],
                  iterator_types = ["parallel", "parallel"]}
    ins(%x, %b : memref<1x?xf32>, memref<?xf32>) outs(%y : memref<1x?xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>

// A reduction's parallel loop is split wherever it is.
// CHECK-LABEL: func.func @column_sums(
// CHECK-SAME:    %[[X:.*]]: memref<?x?xf32>,
// CHECK:         %[[C1:.*]] = arith.constant 1 : index
// CHECK:         %[[N:.*]] = memref.dim %[[X]], %[[C1]]
// CHECK:         qmm.launch @qmm.kernels::@column_sums_kernel_0({{.*}}) integers() extent(%[[N]])
func.func @column_sums(%x: memref<?x?xf32>, %y: memref<?xf32>) {
  linalg.generic {indexing_maps = [#mn, #n],
                  iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<?x?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.addf %p, %o : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Nothing to split: extent 1.
// CHECK-LABEL: func.func @scalar(
// CHECK:         %[[ONE:.*]] = arith.constant 1 : index
// CHECK:         qmm.launch {{.*}} extent(%[[ONE]])
func.func @scalar(%x: memref<f32>) {
  %c = arith.constant 2.0 : f32
  linalg.fill ins(%c : f32) outs(%x : memref<f32>)
  return
}

// -----

// One kernel for the run, across the dim and the launch's own constants; index
// values are passed, constants repeated.
// CHECK-LABEL: func.func @run(
// CHECK-SAME:    %[[X:.*]]: memref<?xf32>, %[[K:.*]]: index)
// CHECK:         %[[N:.*]] = memref.dim %[[X]]
// CHECK:         %[[ONE:.*]] = arith.constant 1 : index
// CHECK:         qmm.launch @qmm.kernels::@run_kernel_0(%[[X]] : memref<?xf32>) integers(%[[K]], %[[N]]) extent(%[[ONE]])
// CHECK-NEXT:    return
// CHECK:         func.func @run_kernel_0(%[[A:.*]]: memref<?xf32>, %[[P:.*]]: index, %[[Q:.*]]: index, %{{.*}}: index, %{{.*}}: index)
// CHECK:           memref.store %{{.*}}, %[[A]][%[[P]]]
// CHECK:           scf.for %{{.*}} to %[[Q]]
func.func @run(%x: memref<?xf32>, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 1.0 : f32
  memref.store %f, %x[%k] : memref<?xf32>
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    %v = memref.load %x[%i] : memref<?xf32>
    %w = arith.addf %v, %f : f32
    memref.store %w, %x[%i] : memref<?xf32>
  }
  return
}

// -----

// Views, a constant global and a loaded scalar are repeated in the kernel; the
// base buffers are passed.
memref.global "private" constant @table : memref<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]>
#id = affine_map<(i) -> (i)>

// CHECK-LABEL: func.func @views(
// CHECK-SAME:    %[[X:.*]]: memref<8x4xf32>, %[[S:.*]]: memref<f32>, %[[Y:.*]]: memref<4xf32>, %[[I:.*]]: index)
// CHECK-NOT:     memref.load
// CHECK-NOT:     memref.subview
// CHECK:         qmm.launch @qmm.kernels::@views_kernel_0(%[[X]], %[[Y]], %[[S]] : memref<8x4xf32>, memref<4xf32>, memref<f32>) integers(%[[I]])
// CHECK:       module @qmm.kernels
// CHECK:         memref.global "private" constant @table
// CHECK:         func.func @views_kernel_0(
// CHECK-SAME:      %[[A:[^,]*]]: memref<8x4xf32>, %{{[^,]*}}: memref<4xf32>, %[[C:[^,]*]]: memref<f32>, %[[J:[^,]*]]: index
// CHECK-DAG:       memref.subview %[[A]][%[[J]], 0] [1, 4] [1, 1]
// CHECK-DAG:       memref.get_global @table
// CHECK-DAG:       memref.load %[[C]][]
// CHECK:           linalg.generic
func.func @views(%x: memref<8x4xf32>, %s: memref<f32>, %y: memref<4xf32>, %i: index) {
  %row = memref.subview %x[%i, 0] [1, 4] [1, 1]
    : memref<8x4xf32> to memref<4xf32, strided<[1], offset: ?>>
  %t = memref.get_global @table : memref<4xf32>
  %v = memref.load %s[] : memref<f32>
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
    ins(%row, %t : memref<4xf32, strided<[1], offset: ?>>, memref<4xf32>)
    outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.mulf %0, %v : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// A strided copy is a kernel, a copy of whole buffers a command.
// CHECK-LABEL: func.func @copies(
// CHECK-SAME:    %[[X:.*]]: memref<8x4xf32>, %[[Y:.*]]: memref<8x2xf32>, %[[Z:.*]]: memref<8x2xf32>)
// CHECK:         qmm.launch @qmm.kernels::@copies_kernel_0(%[[X]], %[[Y]] :
// CHECK:         memref.copy %[[Y]], %[[Z]]
// CHECK:       func.func @copies_kernel_0
// CHECK:         linalg.copy
func.func @copies(%x: memref<8x4xf32>, %y: memref<8x2xf32>, %z: memref<8x2xf32>) {
  %v = memref.subview %x[0, 1] [8, 2] [1, 1]
    : memref<8x4xf32> to memref<8x2xf32, strided<[4, 1], offset: 1>>
  memref.copy %v, %y : memref<8x2xf32, strided<[4, 1], offset: 1>> to memref<8x2xf32>
  memref.copy %y, %z : memref<8x2xf32> to memref<8x2xf32>
  return
}

// -----

// Scratch that one run uses is on its stack; a buffer that others see isn't.
// CHECK-LABEL: func.func @scratch(
// CHECK-SAME:    %[[X:.*]]: memref<f32>, %[[Y:.*]]: memref<f32>)
// CHECK:         %[[SHARED:.*]] = memref.alloc() : memref<f32>
// CHECK-NOT:     memref.alloc
// CHECK:         qmm.launch @qmm.kernels::@scratch_kernel_0(%[[X]], %[[SHARED]] :
// CHECK:         memref.copy %[[SHARED]], %[[Y]]
// CHECK:       func.func @scratch_kernel_0
// CHECK:         memref.alloca() {alignment = 64 : i64} : memref<2xf32>
func.func @scratch(%x: memref<f32>, %y: memref<f32>) {
  %c0 = arith.constant 0 : index
  %own = memref.alloc() : memref<2xf32>
  %shared = memref.alloc() : memref<f32>
  %v = memref.load %x[] : memref<f32>
  memref.store %v, %own[%c0] : memref<2xf32>
  %w = memref.load %own[%c0] : memref<2xf32>
  memref.store %w, %shared[] : memref<f32>
  memref.copy %shared, %y : memref<f32> to memref<f32>
  return
}

// -----

// Equal kernels are one; quantized work between them stays where it is.
// CHECK-LABEL: func.func @twice(
// CHECK:         qmm.launch @qmm.kernels::@twice_kernel_0
// CHECK:         qmm.phys.amax
// CHECK:         qmm.launch @qmm.kernels::@twice_kernel_0
// CHECK:       module @qmm.kernels
// CHECK:         func.func @twice_kernel_0
// CHECK-NOT:     func.func
func.func @twice(%x: memref<4x4xf32>, %y: memref<4x4xf32>, %m: memref<f32>) {
  %c = arith.constant 0.0 : f32
  linalg.fill ins(%c : f32) outs(%x : memref<4x4xf32>)
  qmm.phys.amax ins(%x : memref<4x4xf32>) outs(%m : memref<f32>)
    {input_types = [tensor<4x4xf32>], output_types = [tensor<f32>]}
  linalg.fill ins(%c : f32) outs(%y : memref<4x4xf32>)
  return
}

// -----

// Nothing to outline: no module appears.  Names are made fit for ELF.
// CHECK-LABEL: func.func @commands(
// CHECK-NEXT:    memref.copy
// CHECK-NEXT:    return
// CHECK-NOT:   qmm.kernels
// CHECK-LABEL: func.func @"a/b@c"
// CHECK:         qmm.launch @qmm.kernels::@a_b_c_kernel_0
func.func @commands(%x: memref<4xf32>, %y: memref<4xf32>) {
  memref.copy %x, %y : memref<4xf32> to memref<4xf32>
  return
}
func.func @"a/b@c"(%x: memref<4xf32>) {
  %c = arith.constant 0.0 : f32
  linalg.fill ins(%c : f32) outs(%x : memref<4xf32>)
  return
}

// -----

// A row chosen by data: the index is loaded where it is used.
// CHECK-LABEL: func.func @gather(
// CHECK-SAME:    %[[X:.*]]: memref<8x4xf32>, %[[I:.*]]: memref<i32>, %[[Y:.*]]: memref<1x4xf32>)
// CHECK-NOT:     memref.load
// CHECK:         qmm.launch @qmm.kernels::@gather_kernel_0({{.*}}) integers()
// CHECK:       func.func @gather_kernel_0
// CHECK:         memref.load
// CHECK:         arith.index_cast
func.func @gather(%x: memref<8x4xf32>, %i: memref<i32>, %y: memref<1x4xf32>) {
  %0 = memref.load %i[] : memref<i32>
  %1 = arith.index_cast %0 : i32 to index
  %v = memref.subview %x[%1, 0] [1, 4] [1, 1]
    : memref<8x4xf32> to memref<1x4xf32, strided<[4, 1], offset: ?>>
  memref.copy %v, %y : memref<1x4xf32, strided<[4, 1], offset: ?>> to memref<1x4xf32>
  return
}

// -----

// The kernel reads, before its loop, what the loop writes: it isn't split.
#id = affine_map<(i) -> (i)>
// CHECK-LABEL: func.func @in_place(
// CHECK:         %[[ONE:.*]] = arith.constant 1 : index
// CHECK:         qmm.launch @qmm.kernels::@in_place_kernel_0({{.*}}) integers() extent(%[[ONE]])
// CHECK:       func.func @in_place_kernel_0
// CHECK:         memref.load
// CHECK-NOT:     memref.subview
// CHECK:         linalg.generic
func.func @in_place(%x: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %0 = memref.load %x[%c0] : memref<4xf32>
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]}
    outs(%x : memref<4xf32>) {
  ^bb0(%o: f32):
    %1 = arith.divf %o, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// The number is needed after its place has another one: it is kept.
#id = affine_map<(i) -> (i)>
// CHECK-LABEL: func.func @overwritten(
// CHECK-SAME:    %[[S:.*]]: memref<f32>, %[[Z:.*]]: memref<f32>, %[[X:.*]]: memref<4xf32>)
// CHECK:         %[[KEPT:.*]] = memref.alloc() : memref<f32>
// CHECK:         qmm.launch @qmm.kernels::@overwritten_kernel_0({{.*}}%[[S]]
// CHECK:         memref.copy %[[Z]], %[[S]]
// CHECK:         qmm.launch @qmm.kernels::@overwritten_kernel_1({{.*}}%[[KEPT]]
// CHECK:       func.func @overwritten_kernel_0
// CHECK:         memref.load
// CHECK:         memref.store
// CHECK:       func.func @overwritten_kernel_1
// CHECK:         memref.load
// CHECK:         linalg.generic
func.func @overwritten(%s: memref<f32>, %z: memref<f32>, %x: memref<4xf32>) {
  %0 = memref.load %s[] : memref<f32>
  memref.copy %z, %s : memref<f32> to memref<f32>
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]}
    outs(%x : memref<4xf32>) {
  ^bb0(%o: f32):
    %1 = arith.divf %o, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// Buffers of one pool at constant offsets are known to be apart.
#id = affine_map<(i) -> (i)>
// CHECK-LABEL: func.func @pool(
// CHECK:         qmm.launch @qmm.kernels::@pool_kernel_0({{.*}}) integers() extent(%{{c4.*}})
func.func @pool(%arena: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %s = memref.view %arena[%c0][] : memref<?xi8> to memref<f32>
  %x = memref.view %arena[%c4][] : memref<?xi8> to memref<4xf32>
  %0 = memref.load %s[] : memref<f32>
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]}
    outs(%x : memref<4xf32>) {
  ^bb0(%o: f32):
    %1 = arith.divf %o, %0 : f32
    linalg.yield %1 : f32
  }
  return
}
