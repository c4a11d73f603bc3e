// Representative kernels for every chip: conversions of all elements, a
// reduction through shuffles and shared memory, arithmetic in bf16, math.
// RUN: rm -rf %t
// RUN: quant-opt %s --qmm-device-to-ptx="chips=sm_80,sm_86,sm_89,sm_90,sm_90a,sm_100f,sm_103a,sm_120,sm_120f directory=%t" | FileCheck %s --check-prefix=SAME
// RUN: FileCheck %s --check-prefixes=PTX,FP8,NO4,SM90 --input-file=%t/sm_90.ptx
// RUN: FileCheck %s --check-prefixes=PTX,FP8,NO4 --input-file=%t/sm_89.ptx
// RUN: FileCheck %s --check-prefixes=PTX,NO8,NO4 --input-file=%t/sm_80.ptx
// RUN: FileCheck %s --check-prefixes=PTX,NO8,NO4 --input-file=%t/sm_86.ptx
// RUN: FileCheck %s --check-prefixes=PTX,FP8,NO4 --input-file=%t/sm_120.ptx
// RUN: FileCheck %s --check-prefixes=PTX,FP8,FP4 --input-file=%t/sm_120f.ptx
// RUN: FileCheck %s --check-prefixes=PTX,FP8,FP4 --input-file=%t/sm_100f.ptx
// RUN: FileCheck %s --check-prefixes=PTX,FP8,FP4 --input-file=%t/sm_103a.ptx

// The module stays as it is.
// SAME: gpu.module @qmm.device
// SAME: qmm.encode

// Versions of PTX that drivers of CUDA 12 load, but for the newest chips.
// SM90: .version 7.8
// SM90: .target sm_90

gpu.module @qmm.device {
  // PTX-LABEL: .entry encode_e4m3(
  // Buffers, their dynamic extents, the extent of the launch.
  // PTX: .param .u64 .ptr .align 1 encode_e4m3_param_0,
  // PTX-NEXT: .param .u64 .ptr .align 1 encode_e4m3_param_1,
  // PTX-NEXT: .param .u64 encode_e4m3_param_2,
  // PTX-NEXT: .param .u64 encode_e4m3_param_3,
  // PTX-NEXT: .param .u64 encode_e4m3_param_4
  // PTX-NEXT: )
  // PTX-NEXT: .reqntid 256
  // PTX-NOT: ld.global.nc
  // PTX: ld.global.v4
  // PTX: ld.global.v4
  // FP8-COUNT-8: cvt.rn.satfinite.e4m3x2.f32
  // NO8-NOT: e4m3x2
  // PTX: st.global.v4
  // PTX: ret;
  gpu.func @encode_e4m3(%x: memref<?xbf16>, %y: memref<?xi8>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xbf16>, vector<16xbf16>
      %w = arith.extf %v : vector<16xbf16> to vector<16xf32>
      %c = qmm.encode %w {element = f8E4M3FN} : vector<16xf32> -> vector<16xi8>
      vector.store %c, %y[%o] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
    }
    gpu.return
  }
  // PTX-LABEL: .entry encode_e5m2(
  // FP8-COUNT-8: cvt.rn.satfinite.e5m2x2.f32
  // NO8-NOT: e5m2x2
  // PTX: st.global.v4
  // PTX: ret;
  gpu.func @encode_e5m2(%x: memref<?xbf16>, %y: memref<?xi8>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xbf16>, vector<16xbf16>
      %w = arith.extf %v : vector<16xbf16> to vector<16xf32>
      %c = qmm.encode %w {element = f8E5M2} : vector<16xf32> -> vector<16xi8>
      vector.store %c, %y[%o] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
    }
    gpu.return
  }
  // PTX-LABEL: .entry encode_e2m1(
  // FP4-COUNT-8: cvt.rn.satfinite.e2m1x2.f32
  // NO4-NOT: e2m1x2
  // PTX: st.global.v2
  // PTX: ret;
  gpu.func @encode_e2m1(%x: memref<?xbf16>, %y: memref<?xi8>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c8o = arith.constant 8 : index
    %o = arith.muli %item, %c8o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xbf16>, vector<16xbf16>
      %w = arith.extf %v : vector<16xbf16> to vector<16xf32>
      %c = qmm.encode %w {element = f4E2M1FN, nibbles = #qmm.nibble_order<hi_first>} : vector<16xf32> -> vector<8xi8>
      vector.store %c, %y[%o] {alignment = 8 : i64} : memref<?xi8>, vector<8xi8>
    }
    gpu.return
  }
  // PTX-LABEL: .entry encode_i8(
  gpu.func @encode_i8(%x: memref<?xbf16>, %y: memref<?xi8>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xbf16>, vector<16xbf16>
      %w = arith.extf %v : vector<16xbf16> to vector<16xf32>
      %c = qmm.encode %w {element = i8} : vector<16xf32> -> vector<16xi8>
      vector.store %c, %y[%o] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
    }
    gpu.return
  }
  // PTX-LABEL: .entry decode_e4m3(
  // PTX: ld.global.v4
  // FP8-COUNT-8: cvt.rn.f16x2.e4m3x2
  // NO8-NOT: e4m3x2
  // PTX-COUNT-4: st.global.v4
  // PTX: ret;
  gpu.func @decode_e4m3(%x: memref<?xi8>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
      %w = qmm.decode %v {element = f8E4M3FN} : vector<16xi8> -> vector<16xf32>
      vector.store %w, %y[%o] {alignment = 16 : i64} : memref<?xf32>, vector<16xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry decode_e5m2(
  gpu.func @decode_e5m2(%x: memref<?xi8>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
      %w = qmm.decode %v {element = f8E5M2} : vector<16xi8> -> vector<16xf32>
      vector.store %w, %y[%o] {alignment = 16 : i64} : memref<?xf32>, vector<16xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry decode_e2m1(
  gpu.func @decode_e2m1(%x: memref<?xi8>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c32o = arith.constant 32 : index
    %o = arith.muli %item, %c32o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
      %w = qmm.decode %v {element = f4E2M1FN, nibbles = #qmm.nibble_order<lo_first>} : vector<16xi8> -> vector<32xf32>
      vector.store %w, %y[%o] {alignment = 16 : i64} : memref<?xf32>, vector<32xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry decode_e8m0(
  gpu.func @decode_e8m0(%x: memref<?xi8>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
      %w = qmm.decode %v {element = f8E8M0FNU} : vector<16xi8> -> vector<16xf32>
      vector.store %w, %y[%o] {alignment = 16 : i64} : memref<?xf32>, vector<16xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry decode_i8(
  gpu.func @decode_i8(%x: memref<?xi8>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 4096 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c16 : index
    %c16o = arith.constant 16 : index
    %o = arith.muli %item, %c16o : index
    scf.if %inside {
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xi8>, vector<16xi8>
      %w = qmm.decode %v {element = i8} : vector<16xi8> -> vector<16xf32>
      vector.store %w, %y[%o] {alignment = 16 : i64} : memref<?xf32>, vector<16xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry scales(
  gpu.func @scales(%x: memref<?xf32>, %y: memref<3x?xi8>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %0 = qmm.encode_scale %a {element = f8E4M3FN, rounding = #qmm.e8m0_rounding<ceil>} : f32 -> i8
      %1 = qmm.encode_scale %a {element = f8E5M2, rounding = #qmm.e8m0_rounding<floor>} : f32 -> i8
      %2 = qmm.encode_scale %a {element = f4E2M1FN, rounding = #qmm.e8m0_rounding<even>} : f32 -> i8
      memref.store %0, %y[%c0, %i] : memref<3x?xi8>
      memref.store %1, %y[%c1, %i] : memref<3x?xi8>
      memref.store %2, %y[%c2, %i] : memref<3x?xi8>
    }
    gpu.return
  }

  // PTX-LABEL: .entry scale_bf16(
  // PTX: ld.global.v4
  // PTX: cvt.rn.bf16
  // PTX: st.global.v4
  // PTX: ret;
  gpu.func @scale_bf16(%x: memref<?xbf16>, %s: memref<f32>, %y: memref<?xbf16>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 2048 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c8 = arith.constant 8 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c8 : index
    scf.if %inside {
      %f = memref.load %s[] : memref<f32>
      %v = vector.load %x[%i] {alignment = 16 : i64} : memref<?xbf16>, vector<8xbf16>
      %w = arith.extf %v : vector<8xbf16> to vector<8xf32>
      %g = vector.broadcast %f : f32 to vector<8xf32>
      %p = arith.mulf %w, %g : vector<8xf32>
      %q = arith.truncf %p : vector<8xf32> to vector<8xbf16>
      vector.store %q, %y[%i] {alignment = 16 : i64} : memref<?xbf16>, vector<8xbf16>
    }
    gpu.return
  }

  // PTX-LABEL: .entry block_amax(
  // PTX-COUNT-5: shfl.sync.bfly
  // PTX: st.shared
  // PTX: bar.sync
  // PTX: ret;
  gpu.func @block_amax(%x: memref<?x256xf32>, %y: memref<?xf32>, %extent: index)
      workgroup(%s: memref<8xf32, #gpu.address_space<workgroup>>) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 1 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c32 = arith.constant 32 : index
    %zero = arith.constant 0.0 : f32
    %w32 = arith.constant 32 : i32
    %v = memref.load %x[%b, %t] : memref<?x256xf32>
    %a = math.absf %v : f32
    %k16 = arith.constant 16 : i32
    %s16, %p16 = gpu.shuffle xor %a, %k16, %w32 : f32
    %m16 = arith.maximumf %a, %s16 : f32
    %k8 = arith.constant 8 : i32
    %s8, %p8 = gpu.shuffle xor %m16, %k8, %w32 : f32
    %m8 = arith.maximumf %m16, %s8 : f32
    %k4 = arith.constant 4 : i32
    %s4, %p4 = gpu.shuffle xor %m8, %k4, %w32 : f32
    %m4 = arith.maximumf %m8, %s4 : f32
    %k2 = arith.constant 2 : i32
    %s2, %p2 = gpu.shuffle xor %m4, %k2, %w32 : f32
    %m2 = arith.maximumf %m4, %s2 : f32
    %k1 = arith.constant 1 : i32
    %s1, %p1 = gpu.shuffle xor %m2, %k1, %w32 : f32
    %m1 = arith.maximumf %m2, %s1 : f32
    %warp = arith.divui %t, %c32 : index
    %lane = arith.remui %t, %c32 : index
    %first = arith.cmpi eq, %lane, %c0 : index
    scf.if %first {
      memref.store %m1, %s[%warp] : memref<8xf32, #gpu.address_space<workgroup>>
    }
    gpu.barrier
    %leader = arith.cmpi eq, %t, %c0 : index
    scf.if %leader {
      %r = scf.for %j = %c0 to %c8 step %c1 iter_args(%acc = %zero) -> f32 {
        %o = memref.load %s[%j] : memref<8xf32, #gpu.address_space<workgroup>>
        %n = arith.maximumf %acc, %o : f32
        scf.yield %n : f32
      }
      memref.store %r, %y[%b] : memref<?xf32>
    }
    gpu.return
  }

  // Arithmetic in bf16 and a conversion, which overflows to NaN, in one loop.
  // PTX-LABEL: .entry convert_e4m3(
  gpu.func @convert_e4m3(%x: memref<?xbf16>, %y: memref<?xf8E4M3FN>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xbf16>
      %d = arith.addf %a, %a : bf16
      %c = arith.truncf %d : bf16 to f8E4M3FN
      memref.store %c, %y[%i] : memref<?xf8E4M3FN>
    }
    gpu.return
  }

  // PTX-LABEL: .entry exp_f32(
  gpu.func @exp_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.exp %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry exp2_f32(
  // PTX: ex2.approx.f32
  gpu.func @exp2_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.exp2 %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry expm1_f32(
  gpu.func @expm1_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.expm1 %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry log_f32(
  gpu.func @log_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.log %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry log1p_f32(
  gpu.func @log1p_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.log1p %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry log2_f32(
  gpu.func @log2_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.log2 %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry log10_f32(
  gpu.func @log10_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.log10 %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry tanh_f32(
  gpu.func @tanh_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.tanh %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry erf_f32(
  gpu.func @erf_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.erf %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry erfc_f32(
  gpu.func @erfc_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.erfc %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry sqrt_f32(
  gpu.func @sqrt_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.sqrt %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry rsqrt_f32(
  gpu.func @rsqrt_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.rsqrt %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry cbrt_f32(
  gpu.func @cbrt_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.cbrt %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry sin_f32(
  gpu.func @sin_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.sin %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry cos_f32(
  gpu.func @cos_f32(%x: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %r = math.cos %a : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
  // PTX-LABEL: .entry powf_f32(
  gpu.func @powf_f32(%x: memref<?xf32>, %z: memref<?xf32>, %y: memref<?xf32>, %extent: index) kernel
      attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64, shared_bytes = 0 : i64, blocks_per_sm = 0 : i64, cooperative = false}} {
    %c1 = arith.constant 1 : index
    %c256 = arith.constant 256 : index
    %b = gpu.block_id x
    %t = gpu.thread_id x
    %b256 = arith.muli %b, %c256 : index
    %item = arith.addi %b256, %t : index
    %inside = arith.cmpi ult, %item, %extent : index
    %i = arith.muli %item, %c1 : index
    scf.if %inside {
      %a = memref.load %x[%i] : memref<?xf32>
      %w = memref.load %z[%i] : memref<?xf32>
      %r = math.powf %a, %w : f32
      memref.store %r, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
}
