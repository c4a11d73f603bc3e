// RUN: quant-opt %s --qmm-spill-constants=threshold=8 | FileCheck %s
// RUN: quant-opt %s --qmm-spill-constants=threshold=8 --qmm-spill-constants=threshold=8 | FileCheck %s

// CHECK: module attributes {qmm.constants = {c0 = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>}}
// CHECK-LABEL: func.func @f(
// CHECK-DAG: %[[BIG:.*]] = qmm.parameter "const::c0" : tensor<3xf32>
// CHECK-DAG: %[[SAME:.*]] = qmm.parameter "const::c0" : tensor<3xf32>
// CHECK-DAG: %[[SMALL:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]>
// CHECK-DAG: %[[SPLAT:.*]] = arith.constant dense<1.000000e+00> : tensor<100xf32>
module {
  func.func @f() -> (tensor<3xf32>, tensor<3xf32>, tensor<2xf32>, tensor<100xf32>) {
    %0 = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
    %1 = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
    %2 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %3 = arith.constant dense<1.0> : tensor<100xf32>
    return %0, %1, %2, %3 : tensor<3xf32>, tensor<3xf32>, tensor<2xf32>, tensor<100xf32>
  }
}
