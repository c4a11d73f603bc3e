// The ops and launches of device kernels, through text and bytecode.
// RUN: quant-opt %s | FileCheck %s
// RUN: quant-opt %s --emit-bytecode | quant-opt | FileCheck %s

// CHECK: gpu.module @qmm.device
gpu.module @qmm.device {
  // CHECK-LABEL: gpu.func @convert
  // CHECK-SAME: qmm.launch = {blocks_per_sm = 0 : i64, cooperative = false, items_per_block = 2048 : i64, shared_bytes = 0 : i64, threads = 256 : i64}
  gpu.func @convert(%x: memref<?xf32>, %n: index, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 2048 : i64, shared_bytes = 0 : i64,
                                blocks_per_sm = 0 : i64, cooperative = false}} {
    %v = vector.load %x[%n] : memref<?xf32>, vector<8xf32>
    %a = memref.load %x[%n] : memref<?xf32>
    // CHECK: %[[C0:.*]] = qmm.encode %{{.*}} {element = f8E4M3FN} : vector<8xf32> -> vector<8xi8>
    %0 = qmm.encode %v {element = f8E4M3FN} : vector<8xf32> -> vector<8xi8>
    // CHECK: %[[C1:.*]] = qmm.encode %{{.*}} {element = f4E2M1FN, nibbles = #qmm.nibble_order<hi_first>} : vector<8xf32> -> vector<4xi8>
    %1 = qmm.encode %v {element = f4E2M1FN, nibbles = #qmm.nibble_order<hi_first>} : vector<8xf32> -> vector<4xi8>
    // CHECK: qmm.encode_scale %{{.*}} {element = f4E2M1FN, rounding = #qmm.e8m0_rounding<even>} : f32 -> i8
    %2 = qmm.encode_scale %a {element = f4E2M1FN, rounding = #qmm.e8m0_rounding<even>} : f32 -> i8
    // CHECK: %[[D0:.*]] = qmm.decode %[[C0]] {element = f8E4M3FN} : vector<8xi8> -> vector<8xf32>
    %3 = qmm.decode %0 {element = f8E4M3FN} : vector<8xi8> -> vector<8xf32>
    // CHECK: qmm.decode %[[C1]] {element = f4E2M1FN, nibbles = #qmm.nibble_order<lo_first>} : vector<4xi8> -> vector<8xf32>
    %4 = qmm.decode %1 {element = f4E2M1FN, nibbles = #qmm.nibble_order<lo_first>} : vector<4xi8> -> vector<8xf32>
    // CHECK: qmm.decode %[[C0]] {element = f8E8M0FNU} : vector<8xi8> -> vector<8xf32>
    %5 = qmm.decode %0 {element = f8E8M0FNU} : vector<8xi8> -> vector<8xf32>
    gpu.return
  }
}

// CHECK-LABEL: func @launch
func.func @launch(%x: memref<?xf32>, %n: index) {
  // CHECK: qmm.launch @qmm.device::@convert(%{{.*}} : memref<?xf32>) integers(%{{.*}}) extent(%{{.*}})
  qmm.launch @qmm.device::@convert(%x : memref<?xf32>) integers(%n) extent(%n)
  return
}
