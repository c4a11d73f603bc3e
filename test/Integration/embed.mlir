// An embedder links the emitted object with its own C code and the runtime.
// REQUIRES: host-x86_64
// RUN: quant-compile %s --emit=object --isa=x86-64 -o %t.o
// RUN: %host_cc -std=c11 -I%runtime_include %S/Inputs/embed.c %t.o \
// RUN:   -L%qmm_lib_dir -lqmm_runtime -lm -Wl,-rpath,%qmm_lib_dir -o %t.exe
// RUN: %t.exe | FileCheck %s --check-prefix=RUN-C
// RUN-C: output 5 x 16
// RUN-C: all elements are right

// RUN: quant-compile %s --emit=llvm --isa=x86-64 | FileCheck %s
// CHECK-DAG: @qmm_entry_scale_add_parameters =
// CHECK-DAG: define {{.*}}i32 @qmm_entry_scale_add_query(
// CHECK-DAG: define {{.*}}i32 @qmm_entry_scale_add(
// CHECK-DAG: call i32 @qmm_scaled_matmul(

module attributes {qmm.parameter_files = {model = "never-read.safetensors"}} {
  func.func @scale_add(%x: tensor<?x32xf32>, %w: tensor<16x32xf32>) -> tensor<?x16xf32> {
    %c0 = arith.constant 0 : index
    %m = tensor.dim %x, %c0 : tensor<?x32xf32>
    %offset = qmm.parameter "model::offset" : tensor<16xf32>
    %y = qmm.scaled_matmul %x, %w
      : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
    %e = tensor.empty(%m) : tensor<?x16xf32>
    %z = linalg.generic {
        indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                         affine_map<(i, j) -> (i, j)>],
        iterator_types = ["parallel", "parallel"]}
      ins(%y, %offset : tensor<?x16xf32>, tensor<16xf32>) outs(%e : tensor<?x16xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %two = arith.constant 2.0 : f32
      %d = arith.mulf %p, %two : f32
      %s = arith.addf %d, %q : f32
      linalg.yield %s : f32
    } -> tensor<?x16xf32>
    return %z : tensor<?x16xf32>
  }
}
