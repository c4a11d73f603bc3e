// RUN: quant-opt %s --qmm-lower-conversions=chip=sm_90 | FileCheck %s --check-prefixes=CHECK,FP8,NO4
// RUN: quant-opt %s --qmm-lower-conversions=chip=sm_120 | FileCheck %s --check-prefixes=CHECK,FP8,NO4
// RUN: quant-opt %s --qmm-lower-conversions=chip=sm_120f | FileCheck %s --check-prefixes=CHECK,FP8,FP4
// RUN: quant-opt %s --qmm-lower-conversions=chip=sm_86 | FileCheck %s --check-prefixes=CHECK,NO8,NO4
// RUN: quant-opt %s --qmm-lower-conversions | FileCheck %s --check-prefixes=CHECK,NO8,NO4
// RUN: quant-opt %s --qmm-lower-conversions=chip=sm_90 -o %t.once
// RUN: quant-opt %t.once --qmm-lower-conversions=chip=sm_90 -o %t.twice
// RUN: diff %t.once %t.twice

// The second value is the high byte.
// CHECK-LABEL: func @encode_fp8
// CHECK-SAME: %[[V:.*]]: vector<2xf32>
func.func @encode_fp8(%v: vector<2xf32>) -> vector<2xi8> {
  // FP8: %[[A:.*]] = vector.extract %[[V]][0]
  // FP8: %[[B:.*]] = vector.extract %[[V]][1]
  // FP8: %[[P:.*]] = nvvm.convert.f32x2.to.f8x2 %[[B]], %[[A]] {{{.*}}rn{{.*}}satfinite{{.*}}} : i16(f8E4M3FN)
  // FP8: vector.from_elements %[[P]] : vector<1xi16>
  // NO8-NOT: nvvm
  // NO8: arith.constant dense<4.480000e+02> : vector<2xf32>
  // NO8-NOT: nvvm
  // NO8: return
  %c = qmm.encode %v {element = f8E4M3FN} : vector<2xf32> -> vector<2xi8>
  return %c : vector<2xi8>
}

// One value is half of a pair.
// CHECK-LABEL: func @encode_odd
func.func @encode_odd(%v: vector<1xf32>) -> vector<1xi8> {
  // FP8: nvvm.convert.f32x2.to.f8x2 {{.*}} : i16(f8E5M2)
  // FP8: vector.extract_strided_slice {{.*}} : vector<2xi8> to vector<1xi8>
  // NO8-NOT: nvvm
  // NO8: return
  %c = qmm.encode %v {element = f8E5M2} : vector<1xf32> -> vector<1xi8>
  return %c : vector<1xi8>
}

// CHECK-LABEL: func @decode_fp8
func.func @decode_fp8(%c: vector<4xi8>) -> vector<4xf32> {
  // FP8-COUNT-2: nvvm.convert.f8x2.to.f16x2 {{.*}} : vector<2xi8>(f8E4M3FN) -> vector<2xf16>
  // NO8-NOT: nvvm
  // NO8: arith.constant dense<1.32922{{.*}}E+36> : vector<4xf32>
  // NO8-NOT: nvvm
  // CHECK: return
  %v = qmm.decode %c {element = f8E4M3FN} : vector<4xi8> -> vector<4xf32>
  return %v : vector<4xf32>
}

// hi_first: the first value is the high half of the byte.  NaN is made 0.
// CHECK-LABEL: func @encode_fp4
// CHECK-SAME: %[[V:.*]]: vector<2xf32>
func.func @encode_fp4(%v: vector<2xf32>) -> (vector<1xi8>, vector<1xi8>) {
  // CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[V]], %[[V]]
  // CHECK: %[[N:.*]] = arith.select %[[NAN]], %{{.*}}, %[[V]]
  // FP4: %[[A:.*]] = vector.extract %[[N]][0]
  // FP4: %[[B:.*]] = vector.extract %[[N]][1]
  // FP4: nvvm.convert.f32x2.to.f4x2 %[[A]], %[[B]] : i8(f4E2M1FN)
  // NO4-NOT: nvvm
  %c = qmm.encode %v {element = f4E2M1FN, nibbles = #qmm.nibble_order<hi_first>} : vector<2xf32> -> vector<1xi8>
  // FP4: %[[C:.*]] = vector.extract %{{.*}}[0] : f32
  // FP4: %[[D:.*]] = vector.extract %{{.*}}[1] : f32
  // FP4: nvvm.convert.f32x2.to.f4x2 %[[D]], %[[C]] : i8(f4E2M1FN)
  // NO4-NOT: nvvm
  // CHECK: return
  %d = qmm.encode %v {element = f4E2M1FN, nibbles = #qmm.nibble_order<lo_first>} : vector<2xf32> -> vector<1xi8>
  return %c, %d : vector<1xi8>, vector<1xi8>
}

// Arithmetic on every chip, and no op of the dialect is left.
// CHECK-LABEL: func @elsewhere
// CHECK-NOT: {{nvvm|qmm}}.
// CHECK: return
func.func @elsewhere(%v: vector<4xf32>, %c: vector<4xi8>, %a: f32)
    -> (vector<4xi8>, vector<4xf32>, vector<8xf32>, vector<4xf32>, i8, i8, i8) {
  %0 = qmm.encode %v {element = i8} : vector<4xf32> -> vector<4xi8>
  %1 = qmm.decode %c {element = i8} : vector<4xi8> -> vector<4xf32>
  %2 = qmm.decode %c {element = f4E2M1FN, nibbles = #qmm.nibble_order<hi_first>} : vector<4xi8> -> vector<8xf32>
  %3 = qmm.decode %c {element = f8E8M0FNU} : vector<4xi8> -> vector<4xf32>
  %4 = qmm.encode_scale %a {element = f8E4M3FN, rounding = #qmm.e8m0_rounding<ceil>} : f32 -> i8
  %5 = qmm.encode_scale %a {element = f8E4M3FN, rounding = #qmm.e8m0_rounding<floor>} : f32 -> i8
  %6 = qmm.encode_scale %a {element = f8E4M3FN, rounding = #qmm.e8m0_rounding<even>} : f32 -> i8
  return %0, %1, %2, %3, %4, %5, %6 : vector<4xi8>, vector<4xf32>, vector<8xf32>, vector<4xf32>, i8, i8, i8
}
