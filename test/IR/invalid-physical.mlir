// One case for each constraint of QMMPhysicalOps.td, named for it.
// RUN: quant-opt %s --split-input-file --verify-diagnostics

// qmm.phys.*: one kind of operands
func.func @f(%i0: memref<8x256xbf16>, %o0: tensor<f32>) {
  // expected-error @below {{'qmm.phys.amax' op mixes tensors and memrefs, expected one kind}}
  %r = qmm.phys.amax ins(%i0 : memref<8x256xbf16>) outs(%o0 : tensor<f32>) {input_types = [tensor<8x256xbf16>], output_types = [tensor<f32>]} -> tensor<f32>
  return
}

// -----

// qmm.phys.*: results are the outputs' tensors
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<f32>) {
  // expected-error @below {{'qmm.phys.amax' op expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  qmm.phys.amax ins(%i0 : tensor<8x256xbf16>) outs(%o0 : tensor<f32>) {input_types = [tensor<8x256xbf16>], output_types = [tensor<f32>]}
  return
}

// -----

// qmm.phys.quantize 1: the number of types
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.quantize' op input_types has 2 entries, expected 1}}
  %r:2 = qmm.phys.quantize ins(%i0 : tensor<8x256xbf16>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<f32>) {input_types = [tensor<8x256xbf16>, tensor<8x256xbf16>], output_types = [!qmm.tensor<8x256xbf16, fp8>]} -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.quantize 1: the input is wide
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.quantize' op entry 0 of input_types is '!qmm.tensor<8x256xbf16, fp8>', expected a ranked tensor of f32, bf16 or f16}}
  %r:2 = qmm.phys.quantize ins(%i0 : tensor<8x256xbf16>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<f32>) {input_types = [!qmm.tensor<8x256xbf16, fp8>], output_types = [!qmm.tensor<8x256xbf16, fp8>]} -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.quantize 1: the output is quantized
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.quantize' op entry 0 of output_types is 'tensor<8x256xbf16>', expected a !qmm.tensor}}
  %r:2 = qmm.phys.quantize ins(%i0 : tensor<8x256xbf16>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<f32>) {input_types = [tensor<8x256xbf16>], output_types = [tensor<8x256xbf16>]} -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.quantize 1: the shape
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.quantize' op the result is '!qmm.tensor<9x256xbf16, fp8>', expected the shape of the input, 'tensor<8x256xbf16>'}}
  %r:2 = qmm.phys.quantize ins(%i0 : tensor<8x256xbf16>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<f32>) {input_types = [tensor<8x256xbf16>], output_types = [!qmm.tensor<9x256xbf16, fp8>]} -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.quantize 2: a given scale is an input
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.quantize' op has 1 inputs, expected 2 by its type lists}}
  %r:2 = qmm.phys.quantize ins(%i0 : tensor<8x256xbf16>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<f32>) {input_types = [tensor<8x256xbf16>], output_types = [!qmm.tensor<8x256xbf16, fp8>], scale_given} -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.quantize 2: the buffers' types
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<1xf32>) {
  // expected-error @below {{'qmm.phys.quantize' op entry 1 of outputs is 'tensor<1xf32>', expected the shape and element type of 'tensor<f32>'}}
  %r:2 = qmm.phys.quantize ins(%i0 : tensor<8x256xbf16>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<1xf32>) {input_types = [tensor<8x256xbf16>], output_types = [!qmm.tensor<8x256xbf16, fp8>]} -> tensor<8x256xf8E4M3FN>, tensor<1xf32>
  return
}

// -----

// qmm.phys.quantize 3: qmm.quantize's constraints
func.func @f(%i0: tensor<8x256xbf16>, %i1: tensor<f32>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.quantize' op a tensor scale is given, expected none: scheme fp8 has no tensor scale}}
  %r:2 = qmm.phys.quantize ins(%i0, %i1 : tensor<8x256xbf16>, tensor<f32>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<f32>) {input_types = [tensor<8x256xbf16>], output_types = [!qmm.tensor<8x256xbf16, fp8>], tensor_scale_given} -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.dequantize 1: the input is quantized
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %i1: tensor<f32>, %o0: tensor<8x256xbf16>) {
  // expected-error @below {{'qmm.phys.dequantize' op entry 0 of input_types is 'tensor<8x256xbf16>', expected a !qmm.tensor}}
  %r = qmm.phys.dequantize ins(%i0, %i1 : tensor<8x256xf8E4M3FN>, tensor<f32>) outs(%o0 : tensor<8x256xbf16>) {input_types = [tensor<8x256xbf16>], output_types = [tensor<8x256xbf16>]} -> tensor<8x256xbf16>
  return
}

// -----

// qmm.phys.dequantize 1: the shape
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %i1: tensor<f32>, %o0: tensor<8x256xbf16>) {
  // expected-error @below {{'qmm.phys.dequantize' op the result is 'tensor<8x255xbf16>', expected the shape of the input, '!qmm.tensor<8x256xbf16, fp8>'}}
  %r = qmm.phys.dequantize ins(%i0, %i1 : tensor<8x256xf8E4M3FN>, tensor<f32>) outs(%o0 : tensor<8x256xbf16>) {input_types = [!qmm.tensor<8x256xbf16, fp8>], output_types = [tensor<8x255xbf16>]} -> tensor<8x256xbf16>
  return
}

// -----

// qmm.phys.dequantize 2: the buffers
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %o0: tensor<8x256xbf16>) {
  // expected-error @below {{'qmm.phys.dequantize' op has 1 inputs, expected 2 by its type lists}}
  %r = qmm.phys.dequantize ins(%i0 : tensor<8x256xf8E4M3FN>) outs(%o0 : tensor<8x256xbf16>) {input_types = [!qmm.tensor<8x256xbf16, fp8>], output_types = [tensor<8x256xbf16>]} -> tensor<8x256xbf16>
  return
}

// -----

// qmm.phys.relayout 1: only the layout differs
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %i1: tensor<8x8xf8E8M0FNU>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<8x8xf8E8M0FNU>) {
  // expected-error @below {{'qmm.phys.relayout' op the result is '!qmm.tensor<8x256xf16, mxfp8>', expected '!qmm.tensor<8x256xbf16, mxfp8>' in another layout}}
  %r:2 = qmm.phys.relayout ins(%i0, %i1 : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>) {input_types = [!qmm.tensor<8x256xbf16, mxfp8>], output_types = [!qmm.tensor<8x256xf16, mxfp8>]} -> tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>
  return
}

// -----

// qmm.phys.relayout 1: quantized types
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %i1: tensor<8x8xf8E8M0FNU>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<8x8xf8E8M0FNU>) {
  // expected-error @below {{'qmm.phys.relayout' op entry 0 of output_types is 'tensor<8x256xbf16>', expected a !qmm.tensor}}
  %r:2 = qmm.phys.relayout ins(%i0, %i1 : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>) {input_types = [!qmm.tensor<8x256xbf16, mxfp8>], output_types = [tensor<8x256xbf16>]} -> tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>
  return
}

// -----

// qmm.phys.relayout 2: the buffers
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %i1: tensor<8x8xf8E8M0FNU>, %o0: tensor<8x256xf8E4M3FN>, %o1: tensor<8x8xf8E8M0FNU>) {
  // expected-error @below {{'qmm.phys.relayout' op entry 1 of outputs is 'tensor<8x8xf8E8M0FNU>', expected the shape and element type of 'tensor<128x8xf8E8M0FNU>'}}
  %r:2 = qmm.phys.relayout ins(%i0, %i1 : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>) outs(%o0, %o1 : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>) {input_types = [!qmm.tensor<8x256xbf16, mxfp8>], output_types = [!qmm.tensor<8x256xbf16, mxfp8, scales = tiled_128x4>]} -> tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU>
  return
}

// -----

// qmm.phys.amax 1: the input is wide
func.func @f(%i0: tensor<8x256xf8E4M3FN>, %o0: tensor<f32>) {
  // expected-error @below {{'qmm.phys.amax' op entry 0 of input_types is 'tensor<8x256xf8E4M3FN>', expected a ranked tensor of f32, bf16 or f16}}
  %r = qmm.phys.amax ins(%i0 : tensor<8x256xf8E4M3FN>) outs(%o0 : tensor<f32>) {input_types = [tensor<8x256xf8E4M3FN>], output_types = [tensor<f32>]} -> tensor<f32>
  return
}

// -----

// qmm.phys.amax 1: the output is tensor<f32>
func.func @f(%i0: tensor<8x256xbf16>, %o0: tensor<bf16>) {
  // expected-error @below {{'qmm.phys.amax' op entry 0 of output_types is 'tensor<bf16>', expected tensor<f32>}}
  %r = qmm.phys.amax ins(%i0 : tensor<8x256xbf16>) outs(%o0 : tensor<bf16>) {input_types = [tensor<8x256xbf16>], output_types = [tensor<bf16>]} -> tensor<bf16>
  return
}

// -----

// qmm.phys.amax 2: the buffers
func.func @f(%i0: memref<8x255xbf16>, %o0: memref<f32>) {
  // expected-error @below {{'qmm.phys.amax' op entry 0 of inputs is 'memref<8x255xbf16>', expected the shape and element type of 'tensor<8x256xbf16>'}}
  qmm.phys.amax ins(%i0 : memref<8x255xbf16>) outs(%o0 : memref<f32>) {input_types = [tensor<8x256xbf16>], output_types = [tensor<f32>]}
  return
}

// -----

// qmm.phys.scaled_matmul 1: the flags say a bias
func.func @f(%i0: tensor<8x256xbf16>, %i1: tensor<4x256xf8E4M3FN>, %i2: tensor<f32>, %o0: tensor<8x4xbf16>) {
  // expected-error @below {{'qmm.phys.scaled_matmul' op input_types has 2 entries, expected 3}}
  %r = qmm.phys.scaled_matmul ins(%i0, %i1, %i2 : tensor<8x256xbf16>, tensor<4x256xf8E4M3FN>, tensor<f32>) outs(%o0 : tensor<8x4xbf16>) {input_types = [tensor<8x256xbf16>, !qmm.tensor<4x256xbf16, fp8>], output_types = [tensor<8x4xbf16>], has_bias} -> tensor<8x4xbf16>
  return
}

// -----

// qmm.phys.scaled_matmul 1: the flags say no amax
func.func @f(%i0: tensor<8x256xbf16>, %i1: tensor<4x256xf8E4M3FN>, %i2: tensor<f32>, %o0: tensor<8x4xbf16>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.scaled_matmul' op output_types has 2 entries, expected 1}}
  %r:2 = qmm.phys.scaled_matmul ins(%i0, %i1, %i2 : tensor<8x256xbf16>, tensor<4x256xf8E4M3FN>, tensor<f32>) outs(%o0, %o1 : tensor<8x4xbf16>, tensor<f32>) {input_types = [tensor<8x256xbf16>, !qmm.tensor<4x256xbf16, fp8>], output_types = [tensor<8x4xbf16>, tensor<f32>]} -> tensor<8x4xbf16>, tensor<f32>
  return
}

// -----

// qmm.phys.scaled_matmul 2: out_scale is the last input
func.func @f(%i0: tensor<8x256xbf16>, %i1: tensor<4x256xf8E4M3FN>, %i2: tensor<f32>, %o0: tensor<8x4xf8E4M3FN>) {
  // expected-error @below {{'qmm.phys.scaled_matmul' op has 3 inputs, expected 4 by its type lists}}
  %r = qmm.phys.scaled_matmul ins(%i0, %i1, %i2 : tensor<8x256xbf16>, tensor<4x256xf8E4M3FN>, tensor<f32>) outs(%o0 : tensor<8x4xf8E4M3FN>) {input_types = [tensor<8x256xbf16>, !qmm.tensor<4x256xbf16, fp8>], output_types = [!qmm.tensor<8x4xbf16, fp8>]} -> tensor<8x4xf8E4M3FN>
  return
}

// -----

// qmm.phys.scaled_matmul 2: out_scale isn't an output
func.func @f(%i0: tensor<8x256xbf16>, %i1: tensor<4x256xf8E4M3FN>, %i2: tensor<f32>, %i3: tensor<f32>, %o0: tensor<8x4xf8E4M3FN>, %o1: tensor<f32>) {
  // expected-error @below {{'qmm.phys.scaled_matmul' op has 2 outputs, expected 1 by its type lists}}
  %r:2 = qmm.phys.scaled_matmul ins(%i0, %i1, %i2, %i3 : tensor<8x256xbf16>, tensor<4x256xf8E4M3FN>, tensor<f32>, tensor<f32>) outs(%o0, %o1 : tensor<8x4xf8E4M3FN>, tensor<f32>) {input_types = [tensor<8x256xbf16>, !qmm.tensor<4x256xbf16, fp8>], output_types = [!qmm.tensor<8x4xbf16, fp8>]} -> tensor<8x4xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.phys.scaled_matmul 3: qmm.scaled_matmul's constraints
func.func @f(%i0: tensor<8x256xbf16>, %i1: tensor<4x256xf8E4M3FN>, %i2: tensor<f32>, %o0: tensor<8x5xbf16>) {
  // expected-error @below {{'qmm.phys.scaled_matmul' op the result is 'tensor<8x5xbf16>', expected the shape of 'tensor<8x4xbf16>'}}
  %r = qmm.phys.scaled_matmul ins(%i0, %i1, %i2 : tensor<8x256xbf16>, tensor<4x256xf8E4M3FN>, tensor<f32>) outs(%o0 : tensor<8x5xbf16>) {input_types = [tensor<8x256xbf16>, !qmm.tensor<4x256xbf16, fp8>], output_types = [tensor<8x5xbf16>]} -> tensor<8x5xbf16>
  return
}

// -----

// qmm.launch 1: the kernel exists
module {
  module @qmm.kernels {
    func.func private @k(memref<?xf32>, index, index, index)
    func.func private @r(memref<?xf32>, index, index) -> index
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel is @qmm.kernels::@l, expected a function of the module @qmm.kernels or @qmm.device}}
    qmm.launch @qmm.kernels::@l(%x : memref<?xf32>) integers(%n) extent(%n)
    return
  }
}

// -----

// qmm.launch 1: it is in qmm.kernels
module {
  func.func private @k(memref<?xf32>, index, index, index)
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel is @k, expected a function of the module @qmm.kernels or @qmm.device}}
    qmm.launch @k(%x : memref<?xf32>) integers(%n) extent(%n)
    return
  }
}

// -----

// qmm.launch 1: it is a function
module {
  module @qmm.kernels {
    module @k {}
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel is @qmm.kernels::@k, expected a function of the module @qmm.kernels or @qmm.device}}
    qmm.launch @qmm.kernels::@k(%x : memref<?xf32>) integers(%n) extent(%n)
    return
  }
}

// -----

// qmm.launch 2: the integers
module {
  module @qmm.kernels {
    func.func private @k(memref<?xf32>, index, index, index)
    func.func private @r(memref<?xf32>, index, index) -> index
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel @qmm.kernels::@k has the type '(memref<?xf32>, index, index, index) -> ()', expected '(memref<?xf32>, index, index) -> ()'}}
    qmm.launch @qmm.kernels::@k(%x : memref<?xf32>) integers() extent(%n)
    return
  }
}

// -----

// qmm.launch 2: the buffers
module {
  module @qmm.kernels {
    func.func private @k(memref<?xf32>, index, index, index)
    func.func private @r(memref<?xf32>, index, index) -> index
  }
  func.func @f(%x: memref<8xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel @qmm.kernels::@k has the type '(memref<?xf32>, index, index, index) -> ()', expected '(memref<8xf32>, index, index, index) -> ()'}}
    qmm.launch @qmm.kernels::@k(%x : memref<8xf32>) integers(%n) extent(%n)
    return
  }
}

// -----

// qmm.launch 2: no results
module {
  module @qmm.kernels {
    func.func private @k(memref<?xf32>, index, index, index)
    func.func private @r(memref<?xf32>, index, index) -> index
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel @qmm.kernels::@r has the type '(memref<?xf32>, index, index) -> index', expected '(memref<?xf32>, index, index) -> ()'}}
    qmm.launch @qmm.kernels::@r(%x : memref<?xf32>) integers() extent(%n)
    return
  }
}

// -----

// qmm.launch 1: a device kernel says how it is launched
module {
  gpu.module @qmm.device {
    gpu.func @k(%x: memref<?xf32>, %n: index) kernel { gpu.return }
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel @qmm.device::@k has no attribute 'qmm.launch', expected one that says how it is launched}}
    qmm.launch @qmm.device::@k(%x : memref<?xf32>) integers() extent(%n)
    return
  }
}

// -----

// qmm.launch 2: a device kernel gets the extent only
module {
  gpu.module @qmm.device {
    gpu.func @k(%x: memref<?xf32>, %n: index, %b: index, %e: index) kernel
      attributes {qmm.launch = {threads = 32 : i64, items_per_block = 32 : i64, shared_bytes = 0 : i64,
                                blocks_per_sm = 0 : i64, cooperative = false}} { gpu.return }
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    // expected-error @below {{'qmm.launch' op kernel @qmm.device::@k has the type '(memref<?xf32>, index, index, index) -> ()', expected '(memref<?xf32>, index, index) -> ()'}}
    qmm.launch @qmm.device::@k(%x : memref<?xf32>) integers(%n) extent(%n)
    return
  }
}

// -----

// The attribute qmm.launch: its keys
gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op attribute 'qmm.launch' has no 'shared_bytes', expected an i64 of at least 0}}
  gpu.func @k(%n: index) kernel
    attributes {qmm.launch = {threads = 32 : i64, items_per_block = 32 : i64, blocks_per_sm = 0 : i64, cooperative = false}} { gpu.return }
}

// -----

// The attribute qmm.launch: its types
gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op attribute 'qmm.launch' has 'cooperative' = 1 : i32, expected true or false}}
  gpu.func @k(%n: index) kernel
    attributes {qmm.launch = {threads = 32 : i64, items_per_block = 32 : i64, shared_bytes = 0 : i64,
                              blocks_per_sm = 0 : i64, cooperative = 1 : i32}} { gpu.return }
}

// -----

// The attribute qmm.launch: its ranges
gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op attribute 'qmm.launch' has 'threads' = 2048 : i64, expected an i64 of 1 to 1024}}
  gpu.func @k(%n: index) kernel
    attributes {qmm.launch = {threads = 2048 : i64, items_per_block = 32 : i64, shared_bytes = 0 : i64,
                              blocks_per_sm = 0 : i64, cooperative = false}} { gpu.return }
}

// -----

// The attribute qmm.launch: nothing else
gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op attribute 'qmm.launch' has 'grid', expected 'threads', 'items_per_block', 'shared_bytes', 'blocks_per_sm' and 'cooperative' only}}
  gpu.func @k(%n: index) kernel
    attributes {qmm.launch = {threads = 32 : i64, items_per_block = 32 : i64, shared_bytes = 0 : i64,
                              blocks_per_sm = 0 : i64, cooperative = false, grid = 1 : i64}} { gpu.return }
}

// -----

// The attribute qmm.launch: a dictionary
gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op attribute 'qmm.launch' is a builtin.integer attribute, expected a dictionary of launch parameters}}
  gpu.func @k(%n: index) kernel attributes {qmm.launch = 256 : i64} { gpu.return }
}
