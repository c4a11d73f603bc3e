// RUN: quant-opt %s --split-input-file --verify-diagnostics --qmm-device-to-ptx="chips=sm_90 directory=%t"
// RUN: not quant-opt %S/device-to-ptx.mlir --qmm-device-to-ptx="chips=sm_70 directory=%t" 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not quant-opt %S/device-to-ptx.mlir --qmm-device-to-ptx="chips=sm_90 format=elf directory=%t" 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quant-opt %S/device-to-ptx.mlir --qmm-device-to-ptx="chips=sm_90 format=cubin ptxas=%t/none directory=%t" 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: not quant-opt %S/device-to-ptx.mlir --qmm-device-to-ptx="chips=sm_90 directory=/dev/null/code" 2>&1 | FileCheck %s --check-prefix=FILE

// CHIP: error: unknown chip "sm_70" for device kernels; known: sm_80, {{.*}}sm_90, sm_90a, {{.*}}sm_121f
// FORMAT: error: format is "elf", expected ptx or cubin
// PTXAS: error: a cubin needs ptxas, which isn't at {{.*}}; PTX needs no tool
// FILE: error: can't write /dev/null/code/sm_90.ptx:

gpu.module @qmm.device {
  gpu.func @no_form(%x: memref<?xf32>, %extent: index) kernel attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c0 = arith.constant 0 : index
    %a = memref.load %x[%c0] : memref<?xf32>
    // expected-error @below {{'math.sinh' op can't be compiled for a GPU: no instruction or expansion computes it in 'f32'}}
    %b = math.sinh %a : f32
    memref.store %b, %x[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @qmm.device {
  gpu.func @no_double(%x: memref<?xf64>, %extent: index) kernel attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c0 = arith.constant 0 : index
    %a = memref.load %x[%c0] : memref<?xf64>
    // expected-error @below {{'math.exp' op can't be compiled for a GPU: no instruction or expansion computes it in 'f64'}}
    %b = math.exp %a : f64
    memref.store %b, %x[%c0] : memref<?xf64>
    gpu.return
  }
}

// -----

gpu.module @qmm.device {
  gpu.func @allocates(%x: memref<?xf32>, %extent: index) kernel attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    // expected-error @below {{'memref.alloc' op can't be in a device kernel: memory there is shared (workgroup) or of a thread (memref.alloca)}}
    %b = memref.alloc() : memref<8xf32>
    gpu.return
  }
}

// -----

gpu.module @qmm.device {
  gpu.func @foreign(%x: memref<?xf128>, %extent: index) kernel attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c0 = arith.constant 0 : index
    // expected-error @below {{'memref.load' op computes 'f128', which GPUs don't; expected f64, f32, f16, bf16 or a float of 8 or 4 bits that QMM knows}}
    %a = memref.load %x[%c0] : memref<?xf128>
    memref.store %a, %x[%c0] : memref<?xf128>
    gpu.return
  }
}

// -----

gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op argument 0 is 'memref<?xf32, strided<[2]>>', expected memrefs of identity layout and the default space, then indices}}
  gpu.func @strided(%x: memref<?xf32, strided<[2]>>, %extent: index) kernel attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    gpu.return
  }
}

// -----

gpu.module @qmm.device {
  // expected-error @below {{'gpu.func' op has no attribute 'qmm.launch', expected one that says how it is launched}}
  gpu.func @unlaunched(%x: memref<?xf32>, %extent: index) kernel {
    gpu.return
  }
}

// -----

gpu.module @qmm.device {
  llvm.func @outside(i64)
  gpu.func @calls(%extent: index) kernel attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c0 = llvm.mlir.constant(0 : i64) : i64
    // expected-error @below {{'llvm.call' op can't be compiled for a GPU: the function isn't part of the kernels}}
    llvm.call @outside(%c0) : (i64) -> ()
    gpu.return
  }
}
