// RUN: quant-opt %s --qmm-outline-kernels=points | FileCheck %s
// RUN: quant-opt %s --qmm-outline-kernels=points > %t.once
// RUN: quant-opt %t.once --qmm-outline-kernels=points > %t.twice
// RUN: diff %t.once %t.twice

// A column's value for every row: the loops can't be one, so a point is taken
// apart.
// CHECK-LABEL: func.func @bias(
// CHECK-SAME:    %[[X:.*]]: memref<?x64xf32>, %[[B:.*]]: memref<64xf32>, %[[Y:.*]]: memref<?x64xf32>)
// CHECK:         %[[N:.*]] = arith.muli
// CHECK:         qmm.launch @qmm.kernels::@bias_kernel_0(%{{.*}}) integers() extent(%[[N]])
// CHECK:         func.func @bias_kernel_0(
// CHECK-SAME:      %[[BEGIN:[a-z0-9]+]]: index, %[[END:[a-z0-9]+]]: index)
// CHECK:           scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
// CHECK:             %[[COLUMN:.*]] = arith.remui %[[I]], %{{.*}}
// CHECK:             %[[ROW:.*]] = arith.divui %[[I]], %{{.*}}
// CHECK:             memref.subview %{{.*}}[%[[ROW]], %[[COLUMN]]] [1, 1] [1, 1]
// CHECK:             linalg.generic
func.func @bias(%x: memref<?x64xf32>, %b: memref<64xf32>, %y: memref<?x64xf32>) {
  linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                       affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
    ins(%x, %b : memref<?x64xf32>, memref<64xf32>) outs(%y : memref<?x64xf32>) {
  ^bb0(%a: f32, %c: f32, %out: f32):
    %d = arith.addf %a, %c : f32
    linalg.yield %d : f32
  }
  return
}
