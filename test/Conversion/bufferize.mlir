// From logical ops to buffers: no tensor is left, and inputs aren't written.
// RUN: quant-opt %s --qmm-bufferize | FileCheck %s --implicit-check-not=tensor. --implicit-check-not=bufferization.
// RUN: quant-opt %s --qmm-bufferize | quant-opt --qmm-bufferize | FileCheck %s

!w = !qmm.tensor<64x256xbf16, nvfp4, nibbles = hi_first>
!q = !qmm.tensor<?x256xbf16, fp8_row>

// A layer: parameters are read where they are, several results.
// CHECK-LABEL: func @layer
// CHECK-SAME: (%[[X:.*]]: memref<?x256xbf16>, %[[B:.*]]: memref<64xbf16>) -> (memref<?x64xbf16>, memref<f32>)
func.func @layer(%x: tensor<?x256xbf16>, %b: tensor<64xbf16>) -> (tensor<?x64xbf16>, tensor<f32>) {
  // CHECK-DAG: %[[D:.*]] = qmm.parameter "model::w" digest 7 {qmm.notes = ["n"]} : memref<64x128xi8>
  // CHECK-DAG: %[[S:.*]] = qmm.parameter "model::s" : memref<64x16xf8E4M3FN>
  // CHECK-DAG: %[[TS:.*]] = qmm.parameter "model::ts" : memref<f32>
  %d = qmm.parameter "model::w" digest 7 {qmm.notes = ["n"]} : tensor<64x128xi8>
  %s = qmm.parameter "model::s" : tensor<64x16xf8E4M3FN>
  %ts = qmm.parameter "model::ts" : tensor<f32>
  %w = qmm.assemble %d, %s, %ts : tensor<64x128xi8>, tensor<64x16xf8E4M3FN>, tensor<f32> -> !w
  // CHECK-DAG: %[[M:.*]] = memref.dim %[[X]]
  // CHECK-DAG: %[[Y:.*]] = memref.alloc(%[[M]]) {{.*}} : memref<?x64xbf16>
  // CHECK-DAG: %[[A:.*]] = memref.alloc() {{.*}} : memref<f32>
  // CHECK-NOT: memref.copy
  // CHECK: qmm.phys.scaled_matmul ins(%[[X]], %[[D]], %[[S]], %[[TS]], %[[B]] :
  // CHECK-SAME: outs(%[[Y]], %[[A]] : memref<?x64xbf16>, memref<f32>) {{{.*}}qmm.reason = "r"}
  // CHECK-NEXT: return %[[Y]], %[[A]]
  %y, %amax = qmm.scaled_matmul %x, %w bias(%b : tensor<64xbf16>) {qmm.reason = "r"}
    : tensor<?x256xbf16>, !w -> tensor<?x64xbf16>, tensor<f32>
  return %y, %amax : tensor<?x64xbf16>, tensor<f32>
}

// An op that could write into the input gets a copy of it.
// CHECK-LABEL: func @input_not_written
// CHECK-SAME: (%[[X:.*]]: memref<8xf32>, %[[V:.*]]: f32)
func.func @input_not_written(%x: tensor<8xf32>, %v: f32) -> tensor<8xf32> {
  // CHECK: %[[Y:.*]] = memref.alloc() {{.*}} : memref<8xf32>
  // CHECK: memref.copy %[[X]], %[[Y]]
  // CHECK: memref.store %[[V]], %[[Y]]
  // CHECK: return %[[Y]]
  %c0 = arith.constant 0 : index
  %y = tensor.insert %v into %x[%c0] : tensor<8xf32>
  return %y : tensor<8xf32>
}

// Nor is it through a call: the callee writes its argument, the caller copies.
// CHECK-LABEL: func private @write
// CHECK-SAME: (%[[X:.*]]: memref<8xf32>, %[[V:.*]]: f32)
func.func private @write(%x: tensor<8xf32>, %v: f32) -> tensor<8xf32> {
  // CHECK-NOT: memref.copy
  // CHECK: memref.store %[[V]], %[[X]]
  %c0 = arith.constant 0 : index
  %y = tensor.insert %v into %x[%c0] : tensor<8xf32>
  return %y : tensor<8xf32>
}

// CHECK-LABEL: func @input_not_written_by_call
// CHECK-SAME: (%[[X:.*]]: memref<8xf32>, %[[V:.*]]: f32)
func.func @input_not_written_by_call(%x: tensor<8xf32>, %v: f32) -> tensor<8xf32> {
  // CHECK: %[[Y:.*]] = memref.alloc() {{.*}} : memref<8xf32>
  // CHECK: memref.copy %[[X]], %[[Y]]
  // CHECK: call @write(%[[Y]], %[[V]])
  %y = func.call @write(%x, %v) : (tensor<8xf32>, f32) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// A parameter isn't written either.
// CHECK-LABEL: func @parameter_not_written
func.func @parameter_not_written(%v: f32) -> tensor<8xf32> {
  // CHECK: %[[P:.*]] = qmm.parameter "model::p" : memref<8xf32>
  // CHECK: %[[Y:.*]] = memref.alloc() {{.*}} : memref<8xf32>
  // CHECK: memref.copy %[[P]], %[[Y]]
  // CHECK: memref.store %{{.*}}, %[[Y]]
  %c0 = arith.constant 0 : index
  %p = qmm.parameter "model::p" : tensor<8xf32>
  %y = tensor.insert %v into %p[%c0] : tensor<8xf32>
  return %y : tensor<8xf32>
}

// Physical ops don't read their outputs: two equal ones get a buffer each.
// CHECK-LABEL: func @two_outputs
// CHECK-SAME: (%[[X:.*]]: memref<8x256xbf16>, %[[Y:.*]]: memref<8x256xbf16>)
func.func @two_outputs(%x: tensor<8x256xbf16>, %y: tensor<8x256xbf16>) -> (tensor<f32>, tensor<f32>) {
  // CHECK-NOT: memref.copy
  // CHECK: qmm.phys.amax ins(%[[X]] : {{.*}}) outs(%[[A:.*]] : memref<f32>)
  // CHECK: qmm.phys.amax ins(%[[Y]] : {{.*}}) outs(%[[B:.*]] : memref<f32>)
  // CHECK: return %[[A]], %[[B]]
  %a = qmm.amax %x : tensor<8x256xbf16> -> tensor<f32>
  %b = qmm.amax %y : tensor<8x256xbf16> -> tensor<f32>
  return %a, %b : tensor<f32>, tensor<f32>
}

// CHECK-LABEL: func private @callee
// CHECK-SAME: (%[[D:.*]]: memref<?x256xf8E4M3FN>, %[[S:.*]]: memref<?x1xf32>) -> memref<?x256xbf16>
func.func private @callee(%q: !q) -> tensor<?x256xbf16> {
  // CHECK: qmm.phys.dequantize ins(%[[D]], %[[S]] :
  %x = qmm.dequantize %q : !q -> tensor<?x256xbf16>
  return %x : tensor<?x256xbf16>
}

// CHECK-LABEL: func @call
func.func @call(%x: tensor<?x256xbf16>) -> tensor<?x256xbf16> {
  // CHECK: qmm.phys.quantize {{.*}} outs(%[[D:.*]], %[[S:.*]] : memref<?x256xf8E4M3FN>, memref<?x1xf32>)
  // CHECK: %[[Y:.*]] = call @callee(%[[D]], %[[S]])
  // CHECK: return %[[Y]]
  %q = qmm.quantize %x : tensor<?x256xbf16> -> !q
  %y = func.call @callee(%q) : (!q) -> tensor<?x256xbf16>
  return %y : tensor<?x256xbf16>
}

// CHECK-LABEL: func @if
// CHECK-SAME: (%[[C:.*]]: i1, %[[X:.*]]: memref<?x256xbf16>, %[[D:.*]]: memref<?x256xf8E4M3FN>, %[[S:.*]]: memref<?x1xf32>)
func.func @if(%c: i1, %x: tensor<?x256xbf16>, %q: !q) -> tensor<?x256xbf16> {
  // CHECK: %[[R:.*]]:2 = scf.if %[[C]] -> (memref<?x256xf8E4M3FN>, memref<?x1xf32>) {
  // CHECK: qmm.phys.quantize ins(%[[X]] : {{.*}}) outs(%[[D1:.*]], %[[S1:.*]] : memref<?x256xf8E4M3FN>, memref<?x1xf32>)
  // CHECK: scf.yield %[[D1]], %[[S1]]
  // CHECK: } else {
  // CHECK: scf.yield
  // CHECK: qmm.phys.dequantize ins(%[[R]]#0, %[[R]]#1 :
  %r = scf.if %c -> !q {
    %n = qmm.quantize %x : tensor<?x256xbf16> -> !q
    scf.yield %n : !q
  } else {
    scf.yield %q : !q
  }
  %y = qmm.dequantize %r : !q -> tensor<?x256xbf16>
  return %y : tensor<?x256xbf16>
}

// CHECK-LABEL: func @for
func.func @for(%x: tensor<?x256xbf16>, %n: index) -> tensor<?x256xbf16> {
  // CHECK: qmm.phys.quantize
  // CHECK: %[[R:.*]]:2 = scf.for {{.*}} iter_args(%[[D:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}}) -> (memref<?x256xf8E4M3FN>, memref<?x1xf32>)
  // CHECK: qmm.phys.dequantize ins(%[[D]], %[[S]] : {{.*}}) outs(%[[W:.*]] : memref<?x256xbf16>)
  // CHECK: qmm.phys.quantize ins(%[[W]] :
  // CHECK: scf.yield
  // CHECK: qmm.phys.dequantize ins(%[[R]]#0, %[[R]]#1 :
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %q = qmm.quantize %x : tensor<?x256xbf16> -> !q
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%p = %q) -> !q {
    %w = qmm.dequantize %p : !q -> tensor<?x256xbf16>
    %z = qmm.quantize %w : tensor<?x256xbf16> -> !q
    scf.yield %z : !q
  }
  %y = qmm.dequantize %r : !q -> tensor<?x256xbf16>
  return %y : tensor<?x256xbf16>
}

// Upstream's own custom tensor types don't get through this one.
// CHECK-LABEL: func @while
func.func @while(%q: !q, %n: index) -> !q {
  // CHECK: %[[R:.*]]:3 = scf.while ({{.*}}) : (index, memref<?x256xf8E4M3FN>, memref<?x1xf32>) -> (index, memref<?x256xf8E4M3FN>, memref<?x1xf32>)
  // CHECK: scf.condition
  // CHECK: ^bb0(%[[I:.*]]: index, %[[D:.*]]: memref<?x256xf8E4M3FN>, %[[S:.*]]: memref<?x1xf32>):
  // CHECK: qmm.phys.dequantize ins(%[[D]], %[[S]] :
  // CHECK: qmm.phys.quantize
  // CHECK: scf.yield
  // CHECK: return %[[R]]#1, %[[R]]#2
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.while (%i = %c0, %p = %q) : (index, !q) -> (index, !q) {
    %c = arith.cmpi ult, %i, %n : index
    scf.condition(%c) %i, %p : index, !q
  } do {
  ^bb0(%i: index, %p: !q):
    %j = arith.addi %i, %c1 : index
    %w = qmm.dequantize %p : !q -> tensor<?x256xbf16>
    %z = qmm.quantize %w : tensor<?x256xbf16> -> !q
    scf.yield %j, %z : index, !q
  }
  return %r#1 : !q
}

// CHECK-LABEL: func @branch
func.func @branch(%c: i1, %a: !q, %b: !q) -> tensor<?x256xbf16> {
  // CHECK: cf.br ^[[DONE:.*]](%{{.*}}, %{{.*}} : memref<?x256xf8E4M3FN>, memref<?x1xf32>)
  // CHECK: ^[[DONE]](%[[D:.*]]: memref<?x256xf8E4M3FN>, %[[S:.*]]: memref<?x1xf32>):
  // CHECK: qmm.phys.dequantize ins(%[[D]], %[[S]] :
  cf.cond_br %c, ^first, ^second
^first:
  %w = qmm.dequantize %a : !q -> tensor<?x256xbf16>
  %z = qmm.quantize %w : tensor<?x256xbf16> -> !q
  cf.br ^done(%z : !q)
^second:
  cf.br ^done(%b : !q)
^done(%y: !q):
  %x = qmm.dequantize %y : !q -> tensor<?x256xbf16>
  return %x : tensor<?x256xbf16>
}

// Shapes: a contiguous slice is a view of its source, another one a copy; zero
// bytes and scales around what is padded.
// CHECK-LABEL: func @shapes
// CHECK-SAME: (%[[D:.*]]: memref<64x128xi8>, %[[S:.*]]: memref<64x16xf8E4M3FN>, %[[TS:.*]]: memref<f32>)
func.func @shapes(%w: !w) -> (tensor<32x256xbf16>, tensor<64x128xbf16>, tensor<64x320xbf16>) {
  %rows = qmm.slice %w [32, 0] [32, 256] : !w -> !qmm.tensor<32x256xbf16, nvfp4, nibbles = hi_first>
  %cols = qmm.slice %w [0, 128] [64, 128] : !w -> !qmm.tensor<64x128xbf16, nvfp4, nibbles = hi_first>
  %wide = qmm.pad %w [0, 64] : !w -> !qmm.tensor<64x320xbf16, nvfp4, nibbles = hi_first>
  // CHECK: %[[RD:.*]] = memref.subview %[[D]][32, 0] [32, 128] [1, 1]
  // CHECK: %[[RS:.*]] = memref.subview %[[S]][32, 0] [32, 16] [1, 1]
  // CHECK: %[[CV:.*]] = memref.subview %[[D]][0, 64] [64, 64] [1, 1]
  // CHECK: %[[CD:.*]] = memref.alloc() {{.*}} : memref<64x64xi8>
  // CHECK: memref.copy %[[CV]], %[[CD]]
  // CHECK: %[[CS:.*]] = memref.alloc() {{.*}} : memref<64x8xf8E4M3FN>
  // CHECK: %[[PD:.*]] = memref.alloc() {{.*}} : memref<64x160xi8>
  // CHECK: linalg.fill ins(%{{.*}} : i8) outs(%[[PD]] :
  // CHECK: %[[PV:.*]] = memref.subview %[[PD]][0, 0] [64, 128] [1, 1]
  // CHECK: memref.copy %[[D]], %[[PV]]
  // CHECK: %[[PS:.*]] = memref.alloc() {{.*}} : memref<64x20xf8E4M3FN>
  // CHECK: qmm.phys.dequantize ins(%[[RD]], %[[RS]], %[[TS]] :
  // CHECK: qmm.phys.dequantize ins(%[[CD]], %[[CS]], %[[TS]] :
  // CHECK: qmm.phys.dequantize ins(%[[PD]], %[[PS]], %[[TS]] :
  %a = qmm.dequantize %rows : !qmm.tensor<32x256xbf16, nvfp4, nibbles = hi_first> -> tensor<32x256xbf16>
  %b = qmm.dequantize %cols : !qmm.tensor<64x128xbf16, nvfp4, nibbles = hi_first> -> tensor<64x128xbf16>
  %c = qmm.dequantize %wide : !qmm.tensor<64x320xbf16, nvfp4, nibbles = hi_first> -> tensor<64x320xbf16>
  return %a, %b, %c : tensor<32x256xbf16>, tensor<64x128xbf16>, tensor<64x320xbf16>
}

// A part with gaps is copied: physical ops take row-major buffers.
// CHECK-LABEL: func @part
// CHECK-SAME: (%[[X:.*]]: memref<8x32xf32>, %[[W:.*]]: memref<16x64xf32>)
func.func @part(%x: tensor<8x32xf32>, %w: tensor<16x64xf32>) -> tensor<8x16xf32> {
  // CHECK: %[[V:.*]] = memref.subview %[[W]][0, 32] [16, 32] [1, 1]
  // CHECK: %[[C:.*]] = memref.alloc() {{.*}} : memref<16x32xf32>
  // CHECK: memref.copy %[[V]], %[[C]]
  // CHECK: qmm.phys.scaled_matmul ins(%[[X]], %[[C]] :
  %p = tensor.extract_slice %w[0, 32] [16, 32] [1, 1] : tensor<16x64xf32> to tensor<16x32xf32>
  %y = qmm.scaled_matmul %x, %p : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// One without is read where it is.
// CHECK-LABEL: func @rows
// CHECK-NOT: memref.copy
// CHECK: qmm.phys.scaled_matmul
func.func @rows(%x: tensor<8x32xf32>, %w: tensor<64x32xf32>) -> tensor<8x16xf32> {
  %p = tensor.extract_slice %w[32, 0] [16, 32] [1, 1] : tensor<64x32xf32> to tensor<16x32xf32>
  %y = qmm.scaled_matmul %x, %p : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
