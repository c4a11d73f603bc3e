// RUN: quant-opt %s --qmm-expand-small-floats | FileCheck %s --check-prefixes=CHECK,SMALL
// RUN: quant-opt %s --qmm-expand-small-floats="f16 bf16" | FileCheck %s --check-prefixes=CHECK,ALL
// Running it again changes nothing.
// RUN: quant-opt %s --qmm-expand-small-floats > %t.once
// RUN: quant-opt %t.once --qmm-expand-small-floats | diff %t.once -
// That the values are right is proven code by code in Unit/Kernels.

// CHECK-LABEL: func.func @extf_e8m0(
// CHECK-SAME:    %[[X:.*]]: f8E8M0FNU)
// CHECK:         %[[B:.*]] = arith.bitcast %[[X]] : f8E8M0FNU to i8
// CHECK:         %[[W:.*]] = arith.extui %[[B]] : i8 to i32
// CHECK:         arith.shli %[[W]]
// CHECK:         %[[R:.*]] = arith.bitcast %{{.*}} : i32 to f32
// CHECK-NEXT:    return %[[R]]
func.func @extf_e8m0(%x: f8E8M0FNU) -> f32 {
  %0 = arith.extf %x : f8E8M0FNU to f32
  return %0 : f32
}

// CHECK-LABEL: func.func @extf_vector(
// CHECK-NOT:     arith.extf
// CHECK:         arith.bitcast %{{.*}} : vector<4xf4E2M1FN> to vector<4xi4>
// CHECK:         arith.bitcast %{{.*}} : vector<4xi16> to vector<4xbf16>
func.func @extf_vector(%x: vector<4xf4E2M1FN>) -> vector<4xbf16> {
  %0 = arith.extf %x : vector<4xf4E2M1FN> to vector<4xbf16>
  return %0 : vector<4xbf16>
}

// CHECK-LABEL: func.func @truncf_e4m3(
// CHECK-NOT:     arith.truncf
// CHECK:         %[[R:.*]] = arith.bitcast %{{.*}} : i8 to f8E4M3FN
// CHECK-NEXT:    return %[[R]]
func.func @truncf_e4m3(%x: f32) -> f8E4M3FN {
  %0 = arith.truncf %x : f32 to f8E4M3FN
  return %0 : f8E4M3FN
}

// f16 and bf16 only when asked for.
// CHECK-LABEL: func.func @wider(
// SMALL-DAG:     arith.extf %{{.*}} : f16 to f32
// SMALL-DAG:     arith.truncf %{{.*}} : f32 to bf16
// ALL-NOT:       arith.extf
// ALL-NOT:       arith.truncf
// CHECK:         return
func.func @wider(%x: f16, %y: f32) -> (f32, bf16) {
  %0 = arith.extf %x : f16 to f32
  %1 = arith.truncf %y : f32 to bf16
  return %0, %1 : f32, bf16
}

// The widening of a small type to f16 needs no f16 arithmetic of its own.
// CHECK-LABEL: func.func @through_f32(
// SMALL:         arith.truncf %{{.*}} : f32 to f16
// ALL-NOT:       arith.truncf
// CHECK:         return
func.func @through_f32(%x: f8E5M2) -> f16 {
  %0 = arith.extf %x : f8E5M2 to f16
  return %0 : f16
}

// CHECK-LABEL: func.func @constants(
// CHECK:         %[[A:.*]] = arith.constant 60 : i8
// CHECK:         arith.bitcast %[[A]] : i8 to f8E4M3FN
// CHECK:         %[[B:.*]] = arith.constant dense<[1, -8]> : vector<2xi4>
// CHECK:         arith.bitcast %[[B]] : vector<2xi4> to vector<2xf4E2M1FN>
func.func @constants() -> (f8E4M3FN, vector<2xf4E2M1FN>) {
  %0 = arith.constant 1.5 : f8E4M3FN
  %1 = arith.constant dense<[0.5, -0.0]> : vector<2xf4E2M1FN>
  return %0, %1 : f8E4M3FN, vector<2xf4E2M1FN>
}

// Not ours: another rounding mode, another type, a shape without constants.
// CHECK-LABEL: func.func @left_alone(
// CHECK:         arith.truncf %{{.*}} toward_zero : f32 to f8E4M3FN
// CHECK:         arith.extf %{{.*}} : f8E4M3FNUZ to f32
// CHECK:         arith.extf %{{.*}} : tensor<?xf8E4M3FN> to tensor<?xf32>
func.func @left_alone(%x: f32, %y: f8E4M3FNUZ, %z: tensor<?xf8E4M3FN>)
    -> (f8E4M3FN, f32, tensor<?xf32>) {
  %0 = arith.truncf %x toward_zero : f32 to f8E4M3FN
  %1 = arith.extf %y : f8E4M3FNUZ to f32
  %2 = arith.extf %z : tensor<?xf8E4M3FN> to tensor<?xf32>
  return %0, %1, %2 : f8E4M3FN, f32, tensor<?xf32>
}
