// What the pass does to a module as a whole; its ops are in the other files of
// this name.
// RUN: quant-opt %s --qmm-import-stablehlo --allow-unregistered-dialect | FileCheck %s
// RUN: quant-opt %s --qmm-import-stablehlo --allow-unregistered-dialect -o %t.once.mlir
// RUN: quant-opt %t.once.mlir --qmm-import-stablehlo -o %t.twice.mlir
// RUN: diff %t.once.mlir %t.twice.mlir

// Attributes of other compilers go away, those of functions' own stay.
// CHECK-LABEL: module @jit_f {
module @jit_f attributes {mhlo.num_partitions = 1 : i32, jax.uses_shape_polymorphism = false} {
  // Shardings are dropped, and with them the mesh.
  // CHECK-NOT: sdy
  "sdy.mesh"() {sym_name = "mesh", mesh = "x=2"} : () -> ()

  // CHECK-LABEL: func.func public @main
  // CHECK-SAME: (%[[X:.*]]: tensor<4xf32> {qmm.name = "x"}) -> tensor<4xf32> {
  func.func public @main(%x: tensor<4xf32> {qmm.name = "x", mhlo.sharding = "{replicated}", tf.aliasing_output = 0 : i32})
      -> (tensor<4xf32> {jax.result_info = "result"}) {
    // CHECK: %[[Y:.*]] = call @negate(%[[X]]) : (tensor<4xf32>) -> tensor<4xf32>
    // CHECK: return %[[Y]]
    %y = "func.call"(%x) <{callee = @negate}> : (tensor<4xf32>) -> tensor<4xf32>
    %z = "sdy.sharding_constraint"(%y) {sharding = "replicated"} : (tensor<4xf32>) -> tensor<4xf32>
    %b:2 = "stablehlo.optimization_barrier"(%z, %x) : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    return %b#0 : tensor<4xf32>
  }

  // CHECK-LABEL: func.func private @negate
  // CHECK: arith.negf
  func.func private @negate(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = "stablehlo.negate"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}
