// RUN: quant-opt %s --split-input-file --verify-diagnostics --qmm-outline-kernels

func.func @control_flow(%c: i1, %x: memref<4x4xf32>, %m: memref<f32>) {
  // expected-error @+1 {{'scf.if' op contains 'qmm.phys.amax': control flow around quantized matmuls can't be flattened into a program}}
  scf.if %c {
    // expected-note @+1 {{the contained op}}
    qmm.phys.amax ins(%x : memref<4x4xf32>) outs(%m : memref<f32>)
      {input_types = [tensor<4x4xf32>], output_types = [tensor<f32>]}
  }
  return
}

// -----

func.func private @g()

func.func @call(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{contains 'func.call': a host kernel can't call functions of the program}}
  scf.for %i = %c0 to %n step %c1 {
    func.call @g() : () -> ()
  }
  return
}

// -----

func.func @branches(%x: memref<4xf32>) {
  // expected-error @+1 {{'cf.br' op branches: unstructured control flow can't be flattened into a program}}
  cf.br ^bb1
^bb1:
  return
}

// -----

func.func @scalar_argument(%x: memref<4xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{uses a function argument of type 'f32': a program passes buffers and index values}}
  memref.store %f, %x[%c0] : memref<4xf32>
  return
}

// -----

func.func @overwritten(%x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  // expected-note @+1 {{computed here}}
  %0 = vector.load %x[%c0] : memref<4xf32>, vector<4xf32>
  memref.copy %z, %x : memref<4xf32> to memref<4xf32>
  // expected-error @+1 {{needs the result of 'vector.load', which can't be passed to a host kernel and can't be computed there: 'memref.copy' may write what it reads}}
  vector.store %0, %y[%c0] : memref<4xf32>, vector<4xf32>
  return
}

// -----

func.func @data_dependent_size(%x: memref<index>) -> memref<?xf32> {
  // expected-error @+1 {{computes what 'memref.alloc' needs: a program can't read data to decide sizes or commands}}
  %n = memref.load %x[] : memref<index>
  // expected-note @+1 {{needed here}}
  %a = memref.alloc(%n) : memref<?xf32>
  return %a : memref<?xf32>
}

// -----

func.func @strided(%x: memref<4xf32, strided<[2]>>) {
  %f = arith.constant 0.0 : f32
  // expected-error @+1 {{uses a buffer of type 'memref<4xf32, strided<[2]>>': a host kernel takes buffers of known rank and identity layout}}
  linalg.fill ins(%f : f32) outs(%x : memref<4xf32, strided<[2]>>)
  return
}

// -----

func.func @tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %f = arith.constant 0.0 : f32
  // expected-error @+1 {{can't become a host kernel: it works on tensors; bufferize first}}
  %0 = linalg.fill ins(%f : f32) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

memref.global "private" @state : memref<4xf32> = dense<0.0>

func.func @mutable_global() {
  %f = arith.constant 0.0 : f32
  // expected-error @+1 {{names a global that isn't constant: state; a host kernel keeps no state}}
  %0 = memref.get_global @state : memref<4xf32>
  linalg.fill ins(%f : f32) outs(%0 : memref<4xf32>)
  return
}
