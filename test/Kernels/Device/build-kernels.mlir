// RUN: quant-opt %s --qmm-build-device-kernels --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --qmm-build-device-kernels --canonicalize --cse --split-input-file > %t.once
// RUN: quant-opt %t.once --qmm-build-device-kernels --split-input-file | diff %t.once -

// Rows of any number share a kernel, which has the row in registers.
// CHECK-LABEL: func.func @row(
// CHECK-SAME: %[[X:.*]]: memref<?x4096xbf16>, %[[Q:.*]]: memref<?x4096xf8E4M3FN>, %[[S:.*]]: memref<?x1xf32>,
// CHECK: %[[M:.*]] = memref.dim %[[X]]
// CHECK: %[[FLATX:.*]] = memref.collapse_shape %[[X]] {{\[\[}}0, 1]] : memref<?x4096xbf16> into memref<?xbf16>
// CHECK: qmm.launch @qmm.device::@quantize_block(%[[FLATX]], %{{.*}}, %{{.*}} : memref<?xbf16>, memref<?xf8E4M3FN>, memref<?xf32>) integers(%[[M]]) extent(%[[M]])
// CHECK: qmm.launch @qmm.device::@quantize_block({{.*}}) integers(%[[C7:.*]]) extent(%[[C7]])
// CHECK-NOT: qmm.launch @
// CHECK: gpu.module @qmm.device
// CHECK: gpu.func @quantize_block(%[[A:.*]]: memref<?xbf16>, %[[B:.*]]: memref<?xf8E4M3FN>, %[[C:.*]]: memref<?xf32>, %{{.*}}: index, %{{.*}}: index)
// CHECK-SAME: workgroup({{.*}} : memref<4xi32, #gpu.address_space<workgroup>>)
// CHECK-SAME: kernel attributes {qmm.launch = {blocks_per_sm = 0 : i64, cooperative = false, items_per_block = 1 : i64, shared_bytes = 0 : i64, threads = 128 : i64}}
// CHECK-COUNT-4: vector.load %[[A]][{{.*}}] {alignment = 16 : i64} : memref<?xbf16>, vector<8xbf16>
// CHECK: nvvm.redux.sync umax
// CHECK: gpu.barrier
// CHECK: nvvm.redux.sync umax
// CHECK: memref.store %{{.*}}, %[[C]]
// CHECK: qmm.encode %{{.*}} {element = f8E4M3FN} : vector<16xf32> -> vector<16xi8>
// CHECK: vector.store %{{.*}}, %[[B]][{{.*}}] {alignment = 16 : i64} : memref<?xf8E4M3FN>, vector<16xf8E4M3FN>
// CHECK-NOT: gpu.func
func.func @row(%x: memref<?x4096xbf16>, %q: memref<?x4096xf8E4M3FN>, %s: memref<?x1xf32>,
               %y: memref<7x4096xbf16>, %r: memref<7x4096xf8E4M3FN>, %t: memref<7x1xf32>) {
  qmm.phys.quantize ins(%x : memref<?x4096xbf16>)
    outs(%q, %s : memref<?x4096xf8E4M3FN>, memref<?x1xf32>)
    {input_types = [tensor<?x4096xbf16>],
     output_types = [!qmm.tensor<?x4096xbf16, fp8_row>]}
  qmm.phys.quantize ins(%y : memref<7x4096xbf16>)
    outs(%r, %t : memref<7x4096xf8E4M3FN>, memref<7x1xf32>)
    {input_types = [tensor<7x4096xbf16>],
     output_types = [!qmm.tensor<7x4096xbf16, fp8_row>]}
  return
}

// -----

// A scale that is given is read; bf16 quotients are rounded to it.
// CHECK-LABEL: func.func @given(
// CHECK: qmm.launch @qmm.device::@quantize_pointwise
// CHECK-NOT: qmm.launch @
// CHECK: gpu.func @quantize_pointwise(%{{.*}}: memref<?xbf16>, %{{.*}}: memref<?xf8E4M3FN>, %[[S:.*]]: memref<?xf32>,
// CHECK-SAME: items_per_block = 256 : i64
// CHECK-NOT: memref.store %{{.*}}, %[[S]]
// CHECK: memref.load %[[S]]
// CHECK: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
func.func @given(%x: memref<?x256xbf16>, %s: memref<f32>, %q: memref<?x256xf8E4M3FN>) {
  qmm.phys.quantize ins(%x, %s : memref<?x256xbf16>, memref<f32>)
    outs(%q : memref<?x256xf8E4M3FN>)
    {input_types = [tensor<?x256xbf16>],
     output_types = [!qmm.tensor<?x256xbf16, fp8>], scale_given, precision = bf16}
  return
}

// -----

// Of a dynamic size both ways are launched, one with the extent 0.
// CHECK-LABEL: func.func @dynamic(
// CHECK: %[[PARTIALS:.*]] = memref.alloc() : memref<1024xi32>
// CHECK: qmm.launch @qmm.device::@amax_partials
// CHECK: qmm.launch @qmm.device::@quantize_pointwise(
// CHECK: qmm.launch @qmm.device::@quantize_pointwise_0(
// CHECK-NOT: qmm.launch @
// CHECK: gpu.func @amax_partials
// CHECK: gpu.func @quantize_pointwise(
// CHECK-SAME: threads = 1024 : i64
// CHECK-NOT: gpu.grid_dim
// CHECK: gpu.func @quantize_pointwise_0(
// CHECK-SAME: threads = 256 : i64
// CHECK: gpu.grid_dim
func.func @dynamic(%x: memref<?x256xbf16>, %q: memref<?x256xf8E4M3FN>, %s: memref<f32>) {
  qmm.phys.quantize ins(%x : memref<?x256xbf16>)
    outs(%q, %s : memref<?x256xf8E4M3FN>, memref<f32>)
    {input_types = [tensor<?x256xbf16>],
     output_types = [!qmm.tensor<?x256xbf16, fp8>]}
  return
}

// -----

// Of a static one, only its own.
// CHECK-LABEL: func.func @static(
// CHECK-NOT: amax_partials
// CHECK: qmm.launch @qmm.device::@quantize_pointwise(
// CHECK-NOT: quantize_pointwise
// CHECK: qmm.launch @qmm.device::@amax_partials(
// CHECK: qmm.launch @qmm.device::@quantize_pointwise_0(
// CHECK-NOT: qmm.launch @
func.func @static(%x: memref<16x256xbf16>, %q: memref<16x256xi8>, %s: memref<f32>,
                  %y: memref<4096x256xbf16>, %r: memref<4096x256xi8>, %t: memref<f32>) {
  qmm.phys.quantize ins(%x : memref<16x256xbf16>)
    outs(%q, %s : memref<16x256xi8>, memref<f32>)
    {input_types = [tensor<16x256xbf16>],
     output_types = [!qmm.tensor<16x256xbf16, int8>]}
  qmm.phys.quantize ins(%y : memref<4096x256xbf16>)
    outs(%r, %t : memref<4096x256xi8>, memref<f32>)
    {input_types = [tensor<4096x256xbf16>],
     output_types = [!qmm.tensor<4096x256xbf16, int8>]}
  return
}

// -----

// Scales through shuffles, to their places in tiles: all rows of a tile run.
// CHECK-LABEL: func.func @nvfp4(
// CHECK: qmm.launch @qmm.device::@quantize_groups(
// CHECK-NOT: qmm.launch @
// CHECK: gpu.func @quantize_groups(
// CHECK-NOT: gpu.shuffle
// CHECK: qmm.encode %{{.*}} {element = f4E2M1FN, nibbles = #qmm.nibble_order<lo_first>} : vector<16xf32> -> vector<8xi8>
func.func @nvfp4(%x: memref<?x256xbf16>, %ts: memref<f32>, %q: memref<?x128xi8>,
                 %s: memref<?x16xf8E4M3FN>) {
  qmm.phys.quantize ins(%x, %ts : memref<?x256xbf16>, memref<f32>)
    outs(%q, %s : memref<?x128xi8>, memref<?x16xf8E4M3FN>)
    {input_types = [tensor<?x256xbf16>],
     output_types = [!qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>],
     tensor_scale_given}
  return
}

// -----

// CHECK-LABEL: func.func @mxfp8(
// CHECK: gpu.func @quantize_groups(
// CHECK-COUNT-1: gpu.shuffle xor
// CHECK-NOT: gpu.shuffle
// CHECK: qmm.encode_scale %{{.*}} {element = f8E4M3FN, rounding = #qmm.e8m0_rounding<floor>} : f32 -> i8
func.func @mxfp8(%x: memref<?x256xbf16>, %q: memref<?x256xf8E4M3FN>,
                 %s: memref<?x8xf8E8M0FNU>) {
  qmm.phys.quantize ins(%x : memref<?x256xbf16>)
    outs(%q, %s : memref<?x256xf8E4M3FN>, memref<?x8xf8E8M0FNU>)
    {input_types = [tensor<?x256xbf16>],
     output_types = [!qmm.tensor<?x256xbf16, mxfp8>],
     e8m0_rounding = #qmm.e8m0_rounding<floor>}
  return
}

// -----

// Rows that don't start at 16 bytes: an element at a time.
// CHECK-LABEL: func.func @odd(
// CHECK: gpu.func @quantize_block(
// CHECK-NOT: vector.load
// CHECK: memref.load {{.*}} : memref<?xbf16>
// CHECK-NOT: vector.store
func.func @odd(%x: memref<?x171xbf16>, %q: memref<?x171xf8E4M3FN>, %s: memref<?x1xf32>) {
  qmm.phys.quantize ins(%x : memref<?x171xbf16>)
    outs(%q, %s : memref<?x171xf8E4M3FN>, memref<?x1xf32>)
    {input_types = [tensor<?x171xbf16>],
     output_types = [!qmm.tensor<?x171xbf16, fp8_row>]}
  return
}

// -----

// CHECK-LABEL: func.func @dequantize(
// CHECK: qmm.launch @qmm.device::@dequantize(
// CHECK: gpu.func @dequantize(
// CHECK: qmm.decode %{{.*}} {element = f8E4M3FN} : vector<16xi8> -> vector<16xf32>
func.func @dequantize(%q: memref<?x256xf8E4M3FN>, %s: memref<f32>, %x: memref<?x256xbf16>) {
  qmm.phys.dequantize ins(%q, %s : memref<?x256xf8E4M3FN>, memref<f32>)
    outs(%x : memref<?x256xbf16>)
    {input_types = [!qmm.tensor<?x256xbf16, fp8>], output_types = [tensor<?x256xbf16>]}
  return
}

// -----

// The codes stay where they are.
// CHECK-LABEL: func.func @relayout(
// CHECK-SAME: %[[D:.*]]: memref<130x256xf8E4M3FN>, %{{.*}}: memref<130x8xf8E8M0FNU>, %[[E:.*]]: memref<130x256xf8E4M3FN>,
// CHECK: memref.copy %[[D]], %[[E]]
// CHECK: qmm.launch @qmm.device::@relayout_scales(
// CHECK-NOT: qmm.launch @
func.func @relayout(%d: memref<130x256xf8E4M3FN>, %s: memref<130x8xf8E8M0FNU>,
                    %e: memref<130x256xf8E4M3FN>, %t: memref<256x8xf8E8M0FNU>) {
  qmm.phys.relayout ins(%d, %s : memref<130x256xf8E4M3FN>, memref<130x8xf8E8M0FNU>)
    outs(%e, %t : memref<130x256xf8E4M3FN>, memref<256x8xf8E8M0FNU>)
    {input_types = [!qmm.tensor<130x256xbf16, mxfp8>],
     output_types = [!qmm.tensor<130x256xbf16, mxfp8, scales = tiled_128x4>]}
  return
}

// -----

// A kernel's buffers have no layout of their own.
// CHECK-LABEL: func.func @view(
// CHECK: %[[V:.*]] = memref.subview
// CHECK: %[[OWN:.*]] = memref.alloc() : memref<4x256xbf16>
// CHECK: memref.copy %[[V]], %[[OWN]]
// CHECK: qmm.launch @qmm.device::@amax(
func.func @view(%x: memref<16x256xbf16>, %m: memref<f32>) {
  %v = memref.subview %x[4, 0] [4, 256] [1, 1]
    : memref<16x256xbf16> to memref<4x256xbf16, strided<[256, 1], offset: 1024>>
  qmm.phys.amax ins(%v : memref<4x256xbf16, strided<[256, 1], offset: 1024>>)
    outs(%m : memref<f32>)
    {input_types = [tensor<4x256xbf16>], output_types = [tensor<f32>]}
  return
}
