// One function per elementwise op: what its elements become.
// RUN: quant-opt %s --qmm-import-stablehlo | FileCheck %s

// CHECK: #[[$ID:.*]] = affine_map<(d0) -> (d0)>
// CHECK: #[[$SCALAR:.*]] = affine_map<(d0) -> ()>

// CHECK-LABEL: func.func @add
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK: %[[E:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: %[[Z:.*]] = linalg.generic {indexing_maps = [#[[$ID]], #[[$ID]], #[[$ID]]], iterator_types = ["parallel"]} ins(%[[X]], %[[Y]] : tensor<4xf32>, tensor<4xf32>) outs(%[[E]] : tensor<4xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
// CHECK-NEXT: linalg.yield %[[S]] : f32
// CHECK: return %[[Z]]
func.func @add(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.add"(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Dynamic extents are the operands'.
// CHECK-LABEL: func.func @dynamic
// CHECK: %[[D:.*]] = tensor.dim
// CHECK: tensor.empty(%[[D]]) : tensor<?x8xbf16>
// CHECK: arith.mulf {{.*}} : bf16
func.func @dynamic(%x: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %0 = "stablehlo.multiply"(%x, %x) : (tensor<?x8xbf16>, tensor<?x8xbf16>) -> tensor<?x8xbf16>
  return %0 : tensor<?x8xbf16>
}

// CHECK-LABEL: func.func @arithmetic
// CHECK: arith.subf
// CHECK: arith.divf
// CHECK: arith.maximumf
// CHECK: arith.minimumf
// CHECK: arith.remf
// CHECK: math.powf
func.func @arithmetic(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.subtract"(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = "stablehlo.divide"(%0, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = "stablehlo.maximum"(%1, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = "stablehlo.minimum"(%2, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = "stablehlo.remainder"(%3, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = "stablehlo.power"(%4, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %5 : tensor<4xf32>
}

// CHECK-LABEL: func.func @functions
// CHECK: arith.negf
// CHECK: math.absf
// CHECK: math.exp
// CHECK: math.expm1
// CHECK: math.log
// CHECK: math.log1p
// CHECK: math.tanh
// CHECK: math.sqrt
// CHECK: math.rsqrt
// CHECK: math.cbrt
// CHECK: math.sin
// CHECK: math.cos
// CHECK: math.floor
// CHECK: math.ceil
// CHECK: math.roundeven
// CHECK: math.round
// CHECK: math.erf
// CHECK: math.erfc
// CHECK: math.erf
func.func @functions(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.negate"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "stablehlo.abs"(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "stablehlo.exponential"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  %3 = "stablehlo.exponential_minus_one"(%2) : (tensor<4xf32>) -> tensor<4xf32>
  %4 = "stablehlo.log"(%3) : (tensor<4xf32>) -> tensor<4xf32>
  %5 = "stablehlo.log_plus_one"(%4) : (tensor<4xf32>) -> tensor<4xf32>
  %6 = "stablehlo.tanh"(%5) : (tensor<4xf32>) -> tensor<4xf32>
  %7 = "stablehlo.sqrt"(%6) : (tensor<4xf32>) -> tensor<4xf32>
  %8 = "stablehlo.rsqrt"(%7) : (tensor<4xf32>) -> tensor<4xf32>
  %9 = "stablehlo.cbrt"(%8) : (tensor<4xf32>) -> tensor<4xf32>
  %10 = "stablehlo.sine"(%9) : (tensor<4xf32>) -> tensor<4xf32>
  %11 = "stablehlo.cosine"(%10) : (tensor<4xf32>) -> tensor<4xf32>
  %12 = "stablehlo.floor"(%11) : (tensor<4xf32>) -> tensor<4xf32>
  %13 = "stablehlo.ceil"(%12) : (tensor<4xf32>) -> tensor<4xf32>
  %14 = "stablehlo.round_nearest_even"(%13) : (tensor<4xf32>) -> tensor<4xf32>
  %15 = "stablehlo.round_nearest_afz"(%14) : (tensor<4xf32>) -> tensor<4xf32>
  %16 = "chlo.erf"(%15) : (tensor<4xf32>) -> tensor<4xf32>
  %17 = "chlo.erfc"(%16) : (tensor<4xf32>) -> tensor<4xf32>
  %18 = "stablehlo.custom_call"(%17) {call_target_name = "mhlo.erf"} : (tensor<4xf32>) -> tensor<4xf32>
  return %18 : tensor<4xf32>
}

// In f32, rounded once.
// CHECK-LABEL: func.func @logistic
// CHECK: %[[X:.*]] = arith.extf %{{.*}} : bf16 to f32
// CHECK: %[[N:.*]] = arith.negf %[[X]] : f32
// CHECK: %[[P:.*]] = math.exp %[[N]] : f32
// CHECK: %[[S:.*]] = arith.addf %[[P]], %{{.*}} : f32
// CHECK: %[[Q:.*]] = arith.divf %{{.*}}, %[[S]] : f32
// CHECK: arith.truncf %[[Q]] : f32 to bf16
func.func @logistic(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = "stablehlo.logistic"(%x) : (tensor<4xbf16>) -> tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// NaN and zeros are their own sign.
// CHECK-LABEL: func.func @sign
// CHECK: %[[ONE:.*]] = math.copysign
// CHECK: %[[C:.*]] = arith.cmpf ueq
// CHECK: arith.select %[[C]], %{{.*}}, %[[ONE]] : f32
// CHECK: arith.cmpi slt
// CHECK: arith.cmpi eq
func.func @sign(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>) {
  %0 = "stablehlo.sign"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "stablehlo.sign"(%i) : (tensor<4xi32>) -> tensor<4xi32>
  return %0, %1 : tensor<4xf32>, tensor<4xi32>
}

// CHECK-LABEL: func.func @integers
// CHECK: arith.addi
// CHECK: arith.subi
// CHECK: arith.muli
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: math.absi
// CHECK: math.ipowi
// CHECK: arith.andi
// CHECK: arith.ori
// CHECK: arith.xori
// CHECK: arith.xori
func.func @integers(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %0 = "stablehlo.add"(%x, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %1 = "stablehlo.subtract"(%0, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %2 = "stablehlo.multiply"(%1, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %3 = "stablehlo.maximum"(%2, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %4 = "stablehlo.minimum"(%3, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %5 = "stablehlo.abs"(%4) : (tensor<4xi32>) -> tensor<4xi32>
  %6 = "stablehlo.power"(%5, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %7 = "stablehlo.and"(%6, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %8 = "stablehlo.or"(%7, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %9 = "stablehlo.xor"(%8, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %10 = "stablehlo.not"(%9) : (tensor<4xi32>) -> tensor<4xi32>
  return %10 : tensor<4xi32>
}

// Neither 0 nor -1 reaches the machine's division.
// CHECK-LABEL: func.func @divide_integers
// CHECK: %[[ZERO:.*]] = arith.cmpi eq, %[[Y:.*]], %{{.*}} : i32
// CHECK: %[[MINUS:.*]] = arith.cmpi eq, %[[Y]], %{{.*}} : i32
// CHECK: %[[UNSAFE:.*]] = arith.ori %[[ZERO]], %[[MINUS]] : i1
// CHECK: %[[D:.*]] = arith.select %[[UNSAFE]], %{{.*}}, %[[Y]] : i32
// CHECK: %[[Q:.*]] = arith.divsi %{{.*}}, %[[D]] : i32
// CHECK: %[[R:.*]] = arith.select %[[MINUS]], %{{.*}}, %[[Q]] : i32
// CHECK: arith.select %[[ZERO]], %{{.*}}, %[[R]] : i32
// CHECK: arith.remsi
func.func @divide_integers(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %0 = "stablehlo.divide"(%x, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %1 = "stablehlo.remainder"(%0, %y) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return %1 : tensor<4xi32>
}

// A sum of booleans is "or", a product "and".
// CHECK-LABEL: func.func @booleans
// CHECK: arith.ori {{.*}} : i1
// CHECK: arith.andi {{.*}} : i1
// CHECK: arith.cmpi ult, {{.*}} : i1
func.func @booleans(%x: tensor<4xi1>, %y: tensor<4xi1>) -> tensor<4xi1> {
  %0 = "stablehlo.add"(%x, %y) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %1 = "stablehlo.multiply"(%0, %y) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %2 = "stablehlo.compare"(%1, %y) {comparison_direction = #stablehlo<comparison_direction LT>} : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return %2 : tensor<4xi1>
}

// CHECK-LABEL: func.func @compare_floats
// CHECK: arith.cmpf oeq
// CHECK: arith.cmpf une
// CHECK: arith.cmpf oge
// CHECK: arith.cmpf ogt
// CHECK: arith.cmpf ole
// CHECK: arith.cmpf olt
func.func @compare_floats(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %0 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction NE>, compare_type = #stablehlo<comparison_type FLOAT>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %2 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %3 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %4 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction LE>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %5 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return %0, %1, %2, %3, %4, %5 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}

// CHECK-LABEL: func.func @compare_integers
// CHECK: arith.cmpi sge
// CHECK: arith.cmpi ult
func.func @compare_integers(%x: tensor<4xi32>, %y: tensor<4xi32>) -> (tensor<4xi1>, tensor<4xi1>) {
  %0 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction GE>, compare_type = #stablehlo<comparison_type SIGNED>}> : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  %1 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction LT>, compare_type = #stablehlo<comparison_type UNSIGNED>}> : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  return %0, %1 : tensor<4xi1>, tensor<4xi1>
}

// The sign flips the other bits, so that integers order as the floats do.
// CHECK-LABEL: func.func @compare_total_order
// CHECK: %[[B:.*]] = arith.bitcast %{{.*}} : f32 to i32
// CHECK: %[[S:.*]] = arith.shrsi %[[B]], %{{.*}} : i32
// CHECK: %[[F:.*]] = arith.andi %[[S]], %{{.*}} : i32
// CHECK: arith.xori %[[B]], %[[F]] : i32
// CHECK: arith.cmpi slt
func.func @compare_total_order(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xi1> {
  %0 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction LT>, compare_type = #stablehlo<comparison_type TOTALORDER>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// A scalar predicate is an operand of the loop, never data that decides.
// CHECK-LABEL: func.func @select_scalar
// CHECK-NOT: tensor.extract
// CHECK: linalg.generic {indexing_maps = [#[[$SCALAR]], #[[$ID]], #[[$ID]], #[[$ID]]]
// CHECK: arith.select
func.func @select_scalar(%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.select"(%p, %x, %y) : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @select
// CHECK: linalg.generic {indexing_maps = [#[[$ID]], #[[$ID]], #[[$ID]], #[[$ID]]]
// CHECK: arith.select
func.func @select(%p: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.select"(%p, %x, %y) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// NaN stays NaN.
// CHECK-LABEL: func.func @clamp
// CHECK: linalg.generic {indexing_maps = [#[[$SCALAR]], #[[$ID]], #[[$ID]], #[[$ID]]]
// CHECK-NEXT: ^bb0(%[[LO:.*]]: f32, %[[X:.*]]: f32, %[[HI:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[M:.*]] = arith.maximumf %[[X]], %[[LO]] : f32
// CHECK-NEXT: arith.minimumf %[[M]], %[[HI]] : f32
func.func @clamp(%lo: tensor<f32>, %x: tensor<4xf32>, %hi: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.clamp"(%lo, %x, %hi) : (tensor<f32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @is_finite
// CHECK: arith.constant 0x7F800000 : f32
// CHECK: math.absf
// CHECK: arith.cmpf olt
func.func @is_finite(%x: tensor<4xbf16>) -> tensor<4xi1> {
  %0 = "stablehlo.is_finite"(%x) : (tensor<4xbf16>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// CHECK-LABEL: func.func @convert_floats
// CHECK: arith.truncf %{{.*}} : f32 to f8E4M3FN
// CHECK: arith.extf %{{.*}} : f8E4M3FN to bf16
// CHECK: %[[W:.*]] = arith.extf %{{.*}} : bf16 to f32
// CHECK: arith.truncf %[[W]] : f32 to f16
func.func @convert_floats(%x: tensor<4xf32>) -> tensor<4xf16> {
  %0 = "stablehlo.convert"(%x) : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  %1 = "stablehlo.convert"(%0) : (tensor<4xf8E4M3FN>) -> tensor<4xbf16>
  %2 = "stablehlo.convert"(%1) : (tensor<4xbf16>) -> tensor<4xf16>
  return %2 : tensor<4xf16>
}

// Toward zero; what doesn't fit saturates, NaN is 0.
// CHECK-LABEL: func.func @convert_to_integer
// CHECK-DAG: arith.constant 1.280000e+02 : f32
// CHECK-DAG: arith.constant -1.280000e+02 : f32
// CHECK: arith.fptosi %{{.*}} : f32 to i8
// CHECK: arith.cmpf oge
// CHECK: arith.select
// CHECK: arith.cmpf olt
// CHECK: arith.select
// CHECK: arith.cmpf uno
// CHECK: arith.select
func.func @convert_to_integer(%x: tensor<4xf32>) -> tensor<4xi8> {
  %0 = "stablehlo.convert"(%x) : (tensor<4xf32>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// CHECK-LABEL: func.func @convert_others
// CHECK: arith.sitofp %{{.*}} : i8 to f32
// CHECK: arith.cmpf une
// CHECK: arith.uitofp %{{.*}} : i1 to bf16
// CHECK: arith.extui %{{.*}} : i1 to i32
// CHECK: arith.trunci %{{.*}} : i32 to i8
// CHECK: arith.extsi %{{.*}} : i8 to i64
// CHECK: arith.cmpi ne
func.func @convert_others(%x: tensor<4xi8>) -> (tensor<4xbf16>, tensor<4xi1>) {
  %0 = "stablehlo.convert"(%x) : (tensor<4xi8>) -> tensor<4xf32>
  %1 = "stablehlo.convert"(%0) : (tensor<4xf32>) -> tensor<4xi1>
  %2 = "stablehlo.convert"(%1) : (tensor<4xi1>) -> tensor<4xbf16>
  %3 = "stablehlo.convert"(%1) : (tensor<4xi1>) -> tensor<4xi32>
  %4 = "stablehlo.convert"(%3) : (tensor<4xi32>) -> tensor<4xi8>
  %5 = "stablehlo.convert"(%4) : (tensor<4xi8>) -> tensor<4xi64>
  %6 = "stablehlo.convert"(%5) : (tensor<4xi64>) -> tensor<4xi1>
  return %2, %6 : tensor<4xbf16>, tensor<4xi1>
}

// CHECK-LABEL: func.func @bitcast_convert
// CHECK: arith.bitcast %{{.*}} : i8 to f8E8M0FNU
func.func @bitcast_convert(%x: tensor<4xi8>) -> tensor<4xf8E8M0FNU> {
  %0 = "stablehlo.bitcast_convert"(%x) : (tensor<4xi8>) -> tensor<4xf8E8M0FNU>
  return %0 : tensor<4xf8E8M0FNU>
}
