// RUN: quant-opt %s --qmm-kernels-to-device | FileCheck %s
// RUN: quant-opt %s --qmm-kernels-to-device > %t.once
// RUN: quant-opt %t.once --qmm-kernels-to-device > %t.twice
// RUN: diff %t.once %t.twice

// CHECK: module attributes {gpu.container_module}
module {
  // CHECK-LABEL: func.func @main
  // CHECK: qmm.launch @qmm.device::@fill(%{{.*}} : memref<?xf32>) integers(%{{.*}}) extent(%{{.*}})
  func.func @main(%x: memref<?xf32>, %k: index, %n: index) {
    qmm.launch @qmm.kernels::@fill(%x : memref<?xf32>) integers(%k) extent(%n)
    return
  }
  // CHECK-NOT: @qmm.kernels
  module @qmm.kernels {
    memref.global "private" constant @table : memref<2xf32> = dense<[1.0, 2.0]>
    func.func @fill(%x: memref<?xf32>, %k: index, %begin: index, %end: index) {
      %c1 = arith.constant 1 : index
      %t = memref.get_global @table : memref<2xf32>
      %v = memref.load %t[%k] : memref<2xf32>
      scf.for %i = %begin to %end step %c1 {
        memref.store %v, %x[%i] : memref<?xf32>
      }
      return
    }
  }
}
// CHECK:      gpu.module @qmm.device
// CHECK:        memref.global "private" constant @table
// CHECK:        gpu.func @fill(%{{.*}}: memref<?xf32>, %{{.*}}: index, %[[EXTENT:.*]]: index) kernel
// CHECK-SAME:       qmm.launch = {blocks_per_sm = 0 : i64, cooperative = false, items_per_block = 256 : i64, shared_bytes = 0 : i64, threads = 256 : i64}
// CHECK-DAG:      %[[BLOCK:.*]] = gpu.block_id x
// CHECK-DAG:      %[[THREAD:.*]] = gpu.thread_id x
// CHECK:          %[[FIRST:.*]] = arith.muli %[[BLOCK]], %c256
// CHECK:          %[[BEGIN:.*]] = arith.addi %[[FIRST]], %[[THREAD]]
// CHECK:          %[[END:.*]] = arith.addi %[[BEGIN]], %c1
// CHECK:          %[[INSIDE:.*]] = arith.cmpi ult, %[[BEGIN]], %[[EXTENT]]
// CHECK:          scf.if %[[INSIDE]]
// CHECK:            scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
