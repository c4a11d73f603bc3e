// What is refused, where, and why.
// RUN: quant-opt-no-roundtrip %s --qmm-import-stablehlo --split-input-file --verify-diagnostics -o /dev/null

// An op that isn't imported.
func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.sort' op isn't among the ops that are imported}}
  %0 = "stablehlo.sort"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// The versioned dialect.
func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'vhlo.abs_v1' op is of StableHLO's versioned dialect, which needs StableHLO itself to be read: write the module in generic form instead (stablehlo-translate --deserialize, then stablehlo-opt --mlir-print-op-generic)}}
  %0 = "vhlo.abs_v1"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// Every op that can't be imported is reported.
func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'chlo.lgamma' op isn't among the ops that are imported}}
  %0 = "chlo.lgamma"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %1 = "stablehlo.abs"(%0) : (tensor<8xf32>) -> tensor<8xf32>
  // expected-error@+1 {{'stablehlo.fft' op isn't among the ops that are imported}}
  %2 = "stablehlo.fft"(%1) : (tensor<8xf32>) -> tensor<8xf32>
  return %2 : tensor<8xf32>
}

// -----

// Values that aren't tensors of numbers.
func.func @f(%x: tensor<*xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{'stablehlo.abs' op has a value of type 'tensor<*xf32>', expected a ranked tensor}}
  %0 = "stablehlo.abs"(%x) : (tensor<*xf32>) -> tensor<*xf32>
  return %0 : tensor<*xf32>
}
func.func @g(%x: tensor<8xui32>) -> tensor<8xui32> {
  // expected-error@+1 {{'stablehlo.add' op has a value of type 'tensor<8xui32>', expected elements that are floats, signed integers or booleans}}
  %0 = "stablehlo.add"(%x, %x) : (tensor<8xui32>, tensor<8xui32>) -> tensor<8xui32>
  return %0 : tensor<8xui32>
}
func.func @h(%x: tensor<8xcomplex<f32>>) -> tensor<8xcomplex<f32>> {
  // expected-error@+1 {{'stablehlo.negate' op has a value of type 'tensor<8xcomplex<f32>>', expected elements that are floats, signed integers or booleans}}
  %0 = "stablehlo.negate"(%x) : (tensor<8xcomplex<f32>>) -> tensor<8xcomplex<f32>>
  return %0 : tensor<8xcomplex<f32>>
}
func.func @i(%x: tensor<8xf4E2M1FN>) -> tensor<8xbf16> {
  // expected-error@+1 {{'stablehlo.convert' op has a value of type 'tensor<8xf4E2M1FN>': two codes share a byte, and only a block-scaled product takes them}}
  %0 = "stablehlo.convert"(%x) : (tensor<8xf4E2M1FN>) -> tensor<8xbf16>
  return %0 : tensor<8xbf16>
}

// -----

// Elementwise: operands, shapes and types.
func.func @count(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.add' op has 1 operands, expected 2}}
  %0 = "stablehlo.add"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @shape(%x: tensor<8xf32>, %y: tensor<4xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.add' op operand 1 has shape [4], expected [8]}}
  %0 = "stablehlo.add"(%x, %y) : (tensor<8xf32>, tensor<4xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @types(%x: tensor<8xf32>, %y: tensor<8xbf16>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.add' op operand 0 has elements of type 'bf16', expected 'f32'}}
  %0 = "stablehlo.add"(%y, %x) : (tensor<8xbf16>, tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @result(%x: tensor<8xf32>) -> tensor<8xbf16> {
  // expected-error@+1 {{'stablehlo.abs' op yields elements of type 'bf16', expected 'f32'}}
  %0 = "stablehlo.abs"(%x) : (tensor<8xf32>) -> tensor<8xbf16>
  return %0 : tensor<8xbf16>
}
func.func @kind(%x: tensor<8xi32>) -> tensor<8xi32> {
  // expected-error@+1 {{'stablehlo.tanh' op has elements of type 'i32', expected floats}}
  %0 = "stablehlo.tanh"(%x) : (tensor<8xi32>) -> tensor<8xi32>
  return %0 : tensor<8xi32>
}
func.func @bits(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.xor' op has elements of type 'f32', expected integers or booleans}}
  %0 = "stablehlo.xor"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @predicate(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.select' op operand 0 has elements of type 'f32', expected 'i1'}}
  %0 = "stablehlo.select"(%x, %x, %x) : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @widths(%x: tensor<8xf32>) -> tensor<8xi8> {
  // expected-error@+1 {{'stablehlo.bitcast_convert' op casts 'f32' to 'i8', expected types of one width}}
  %0 = "stablehlo.bitcast_convert"(%x) : (tensor<8xf32>) -> tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

// compare: its attributes.
func.func @missing(%x: tensor<8xf32>) -> tensor<8xi1> {
  // expected-error@+1 {{'stablehlo.compare' op lacks attribute 'comparison_direction'}}
  %0 = "stablehlo.compare"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}
func.func @unknown(%x: tensor<8xf32>) -> tensor<8xi1> {
  // expected-error@+1 {{'stablehlo.compare' op attribute 'comparison_direction' is '#stablehlo<comparison_direction XX>', expected #stablehlo<comparison_direction X> with X one of EQ, NE, GE, GT, LE, LT}}
  %0 = "stablehlo.compare"(%x, %x) {comparison_direction = #stablehlo<comparison_direction XX>} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}
func.func @kind(%x: tensor<8xf32>) -> tensor<8xi1> {
  // expected-error@+1 {{'stablehlo.compare' op attribute 'comparison_direction' is '"GT"', expected #stablehlo<comparison_direction X> with X one of EQ, NE, GE, GT, LE, LT}}
  %0 = "stablehlo.compare"(%x, %x) {comparison_direction = "GT"} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}
func.func @type(%x: tensor<8xf32>) -> tensor<8xi1> {
  // expected-error@+1 {{'stablehlo.compare' op compares elements of type 'f32' as SIGNED, expected FLOAT or TOTALORDER}}
  %0 = "stablehlo.compare"(%x, %x) {comparison_direction = #stablehlo<comparison_direction GT>, compare_type = #stablehlo<comparison_type SIGNED>} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  return %0 : tensor<8xi1>
}

// -----

// Shapes.
func.func @constant() -> tensor<2xf32> {
  // expected-error@+1 {{'stablehlo.constant' op has no attribute 'value' of type 'tensor<2xf32>'}}
  %0 = "stablehlo.constant"() {value = dense<0> : tensor<2xi32>} : () -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func @broadcast_extent(%x: tensor<3xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'stablehlo.broadcast_in_dim' op broadcasts dimension 0 of 'tensor<3xf32>' to 'tensor<4x8xf32>', expected an extent of 1 or 8}}
  %0 = "stablehlo.broadcast_in_dim"(%x) {broadcast_dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
func.func @broadcast_dimension(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'stablehlo.broadcast_in_dim' op maps dimension 0 to 2, expected each of 0 to 1 at most once}}
  %0 = "stablehlo.broadcast_in_dim"(%x) {broadcast_dimensions = array<i64: 2>} : (tensor<8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
func.func @broadcast_count(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'stablehlo.broadcast_in_dim' op attribute 'broadcast_dimensions' is 'array<i64: 0, 1>', expected 1 integers}}
  %0 = "stablehlo.broadcast_in_dim"(%x) {broadcast_dimensions = array<i64: 0, 1>} : (tensor<8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
func.func @broadcast_text(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'stablehlo.broadcast_in_dim' op attribute 'broadcast_dimensions' is '"1"', expected a list of integers}}
  %0 = "stablehlo.broadcast_in_dim"(%x) {broadcast_dimensions = "1"} : (tensor<8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
func.func @reshape(%x: tensor<8xf32>) -> tensor<3x3xf32> {
  // expected-error@+1 {{'stablehlo.reshape' op reshapes 'tensor<8xf32>' to 'tensor<3x3xf32>', expected static shapes of as many elements of one type}}
  %0 = "stablehlo.reshape"(%x) : (tensor<8xf32>) -> tensor<3x3xf32>
  return %0 : tensor<3x3xf32>
}
func.func @reshape_dynamic(%x: tensor<?xf32>) -> tensor<2x?xf32> {
  // expected-error@+1 {{'stablehlo.reshape' op reshapes 'tensor<?xf32>' to 'tensor<2x?xf32>', expected static shapes of as many elements of one type}}
  %0 = "stablehlo.reshape"(%x) : (tensor<?xf32>) -> tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}
func.func @transpose(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  // expected-error@+1 {{'stablehlo.transpose' op permutation is [1, 1], expected each of 0 to 1 once}}
  %0 = "stablehlo.transpose"(%x) {permutation = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}
func.func @transpose_shape(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error@+1 {{'stablehlo.transpose' op the result has shape [2, 3], expected [3, 2]}}
  %0 = "stablehlo.transpose"(%x) {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
func.func @slice(%x: tensor<8xf32>) -> tensor<2xf32> {
  // expected-error@+1 {{'stablehlo.slice' op takes [7, 9) by 1 of dimension 0 of 'tensor<8xf32>', expected a part of a static extent, and a stride of at least 1}}
  %0 = "stablehlo.slice"(%x) {start_indices = array<i64: 7>, limit_indices = array<i64: 9>, strides = array<i64: 1>} : (tensor<8xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func @slice_stride(%x: tensor<8xf32>) -> tensor<2xf32> {
  // expected-error@+1 {{'stablehlo.slice' op takes [0, 2) by 0 of dimension 0 of 'tensor<8xf32>', expected a part of a static extent, and a stride of at least 1}}
  %0 = "stablehlo.slice"(%x) {start_indices = array<i64: 0>, limit_indices = array<i64: 2>, strides = array<i64: 0>} : (tensor<8xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func @dynamic_slice(%x: tensor<8xf32>, %i: tensor<1xi32>) -> tensor<2xf32> {
  // expected-error@+1 {{'stablehlo.dynamic_slice' op has a start index of type 'tensor<1xi32>', expected a scalar integer}}
  %0 = "stablehlo.dynamic_slice"(%x, %i) {slice_sizes = array<i64: 2>} : (tensor<8xf32>, tensor<1xi32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func @dynamic_slice_size(%x: tensor<8xf32>, %i: tensor<i32>) -> tensor<9xf32> {
  // expected-error@+1 {{'stablehlo.dynamic_slice' op takes 9 of dimension 0 of 'tensor<8xf32>', expected a part of a static extent}}
  %0 = "stablehlo.dynamic_slice"(%x, %i) {slice_sizes = array<i64: 9>} : (tensor<8xf32>, tensor<i32>) -> tensor<9xf32>
  return %0 : tensor<9xf32>
}
func.func @pad(%x: tensor<2xf32>, %z: tensor<f32>) -> tensor<1xf32> {
  // expected-error@+1 {{'stablehlo.pad' op pads dimension 0 of 'tensor<2xf32>' by -3, 0 and 0 between elements, expected an extent that is left, and at least 0 between elements}}
  %0 = "stablehlo.pad"(%x, %z) {edge_padding_low = array<i64: -3>, edge_padding_high = array<i64: 0>, interior_padding = array<i64: 0>} : (tensor<2xf32>, tensor<f32>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}
func.func @pad_overflow(%x: tensor<2xf32>, %z: tensor<f32>) -> tensor<1xf32> {
  // expected-error@+1 {{'stablehlo.pad' op pads dimension 0 of 'tensor<2xf32>' by 9223372036854775807, 1 and 0 between elements, expected an extent that is left, and at least 0 between elements}}
  %0 = "stablehlo.pad"(%x, %z) {edge_padding_low = array<i64: 9223372036854775807>, edge_padding_high = array<i64: 1>, interior_padding = array<i64: 0>} : (tensor<2xf32>, tensor<f32>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}
func.func @concatenate(%x: tensor<2x3xf32>, %y: tensor<1x3xf32>) -> tensor<2x6xf32> {
  // expected-error@+1 {{'stablehlo.concatenate' op has an operand of type 'tensor<1x3xf32>', expected 'tensor<2x6xf32>' but for dimension 1}}
  %0 = "stablehlo.concatenate"(%x, %y) {dimension = 1 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}
func.func @concatenate_extent(%x: tensor<2x3xf32>) -> tensor<2x6xf32> {
  // expected-error@+1 {{'stablehlo.concatenate' op has operands of 3 along dimension 1 in all, expected 6}}
  %0 = "stablehlo.concatenate"(%x) {dimension = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}
func.func @iota() -> tensor<4xf32> {
  // expected-error@+1 {{'stablehlo.iota' op counts along dimension 1 of 'tensor<4xf32>', expected one of a static shape of numbers}}
  %0 = "stablehlo.iota"() {iota_dimension = 1 : i64} : () -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @reverse(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'stablehlo.reverse' op reverses dimension 3 of 'tensor<4xf32>', expected one of static extent}}
  %0 = "stablehlo.reverse"(%x) {dimensions = array<i64: 3>} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// reduce: dimensions and body.
func.func @dimension(%x: tensor<4xf32>, %i: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{'stablehlo.reduce' op reduces dimension 1 of 'tensor<4xf32>', expected each of 0 to 0 at most once}}
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%a) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func @arguments(%x: tensor<4xf32>, %i: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{'stablehlo.reduce' op has a body of 1 arguments, expected 2}}
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>):
    "stablehlo.return"(%a) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func @body(%x: tensor<4xf32>, %i: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{'stablehlo.reduce' op has a body with 'stablehlo.rng', expected elementwise ops and constants}}
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.rng"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func @captures(%x: tensor<4xf32>, %i: tensor<f32>) -> tensor<f32> {
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    // expected-error@+1 {{'stablehlo.add' op uses a value from outside of the body, expected its arguments}}
    %s = "stablehlo.add"(%a, %i) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func @no_body(%x: tensor<4xf32>, %i: tensor<f32>) -> tensor<f32> {
  // expected-error@+1 {{'stablehlo.reduce' op has no body}}
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func @result(%x: tensor<4x2xf32>, %i: tensor<f32>) -> tensor<4xf32> {
  // expected-error@+1 {{'stablehlo.reduce' op result 0 has shape [4], expected [2]}}
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%a) : (tensor<f32>) -> ()
  }) : (tensor<4x2xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Products: dimension numbers.
func.func @missing(%x: tensor<8x32xf32>, %w: tensor<32x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op lacks attribute 'dot_dimension_numbers'}}
  %0 = "stablehlo.dot_general"(%x, %w) : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @text(%x: tensor<8x32xf32>, %w: tensor<32x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op attribute 'dot_dimension_numbers' is '#stablehlo.dot<lhs_contracting_dimensions = [1, rhs_contracting_dimensions = [0]]>', expected #stablehlo.dot<lhs_batching_dimensions = [...], rhs_batching_dimensions = [...], lhs_contracting_dimensions = [...], rhs_contracting_dimensions = [...]>}}
  %0 = "stablehlo.dot_general"(%x, %w) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1, rhs_contracting_dimensions = [0]]>} : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @twice(%x: tensor<8x32xf32>, %w: tensor<32x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op attribute 'dot_dimension_numbers' is '#stablehlo.dot<lhs_contracting_dimensions = [1], lhs_contracting_dimensions = [1]>', expected #stablehlo.dot<lhs_batching_dimensions = [...], rhs_batching_dimensions = [...], lhs_contracting_dimensions = [...], rhs_contracting_dimensions = [...]>}}
  %0 = "stablehlo.dot_general"(%x, %w) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], lhs_contracting_dimensions = [1]>} : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @range(%x: tensor<8x32xf32>, %w: tensor<32x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op names dimension 2 of its left operand, 'tensor<8x32xf32>', expected 0 to 1}}
  %0 = "stablehlo.dot_general"(%x, %w) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [0]>} : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @both(%x: tensor<8x32xf32>, %w: tensor<8x32xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op names dimension 1 of its left operand twice, expected once}}
  %0 = "stablehlo.dot_general"(%x, %w) {dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [1], rhs_batching_dimensions = [1], lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>} : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @count(%x: tensor<8x32xf32>, %w: tensor<32x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op has 1 contracting dimensions on the left and 0 on the right, expected as many}}
  %0 = "stablehlo.dot_general"(%x, %w) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1]>} : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @extent(%x: tensor<8x32xf32>, %w: tensor<31x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot_general' op has contracting dimensions of extents 32 and 31, expected equal extents}}
  %0 = "stablehlo.dot_general"(%x, %w) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>} : (tensor<8x32xf32>, tensor<31x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @result(%x: tensor<8x32xf32>, %w: tensor<32x16xf32>) -> tensor<16x8xf32> {
  // expected-error@+1 {{'stablehlo.dot' op the result has shape [16, 8], expected [8, 16]}}
  %0 = "stablehlo.dot"(%x, %w) : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}
func.func @mixed(%x: tensor<8x32xi8>, %w: tensor<32x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot' op multiplies 'tensor<8x32xi8>' and 'tensor<32x16xf32>' to 'tensor<8x16xf32>', expected floats or integers throughout}}
  %0 = "stablehlo.dot"(%x, %w) : (tensor<8x32xi8>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
func.func @rank(%x: tensor<2x8x32xf32>, %w: tensor<32x16xf32>) -> tensor<2x8x16xf32> {
  // expected-error@+1 {{'stablehlo.dot' op multiplies tensors of ranks 3 and 2, expected 1 or 2}}
  %0 = "stablehlo.dot"(%x, %w) : (tensor<2x8x32xf32>, tensor<32x16xf32>) -> tensor<2x8x16xf32>
  return %0 : tensor<2x8x16xf32>
}

// -----

// Custom calls and composites.
func.func @unknown(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.custom_call' op calls '__cublas$gemm', which isn't among the calls that are imported}}
  %0 = "stablehlo.custom_call"(%x) {call_target_name = "__cublas$gemm"} : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @nameless(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.custom_call' op lacks attribute 'call_target_name', a string}}
  %0 = "stablehlo.custom_call"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @annotation(%x: tensor<8xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'stablehlo.custom_call' op calls 'SPMDFullToShardShape' with results of other types than its operands, expected the same}}
  %0 = "stablehlo.custom_call"(%x) {call_target_name = "SPMDFullToShardShape"} : (tensor<8xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @composite(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'stablehlo.composite' op composes 'my.op', which isn't known, and its decomposition isn't a function}}
  %0 = "stablehlo.composite"(%x) {name = "my.op", decomposition = @nowhere} : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @composite_type(%x: tensor<8xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'stablehlo.composite' op has a decomposition of type '(tensor<8xf32>) -> tensor<8xf32>', expected the composite's operands and results}}
  %0 = "stablehlo.composite"(%x) {name = "my.op", decomposition = @unknown} : (tensor<8xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @scaled_dot(%x: tensor<8x64xf8E4M3FN>, %s: tensor<8x2xf8E8M0FNU>) -> tensor<8x8xbf16> {
  // expected-error@+1 {{'stablehlo.composite' op attribute 'composite_attributes' is {dimension_numbers = [[1], [1]]}, expected dimension_numbers = [[[lhs contracting], [rhs contracting]], [[lhs batch], [rhs batch]]]}}
  %0 = "stablehlo.composite"(%x, %x, %s, %s) {composite_attributes = {dimension_numbers = [[1], [1]]}, decomposition = @impl, name = "xla.scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<8x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<8x2xf8E8M0FNU>) -> tensor<8x8xbf16>
  return %0 : tensor<8x8xbf16>
}

// -----

// Block-scaled products.
func.func @operands(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op calls '__op$block_scaled_dot' with 2 operands, expected 3 to 5}}
  %0 = "stablehlo.custom_call"(%x, %w) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @scale_rows(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<128x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has left scales of type 'tensor<128x2xf8E8M0FNU>' for 'tensor<8x64xf8E4M3FN>', expected its shape but for the last extent (padded scales aren't imported)}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<128x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @scale_columns(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x3xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has 3 left scales along K = 64, expected a number that divides it}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x3xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @scale_rank(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x1x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has left scales of type 'tensor<8x1x2xf8E8M0FNU>', expected the rank of 'tensor<8x64xf8E4M3FN>'}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x1x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @scale_type(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E5M2>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has left scales of type 'tensor<8x2xf8E5M2>', expected f8E8M0FNU, f8E4M3FN or f32 elements}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E5M2>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @element(%x: tensor<8x64xi8>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has left scales for 'tensor<8x64xi8>', expected f8E4M3FN, f8E5M2 or f4E2M1FN elements}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xi8>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @unscaled(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has no right scales for 'tensor<16x64xf8E4M3FN>', expected f32, bf16 or f16 elements}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @result_type(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xi32> {
  // expected-error@+1 {{'stablehlo.custom_call' op yields 'tensor<8x16xi32>', expected f32, bf16 or f16 elements}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xi32>
  return %0 : tensor<8x16xi32>
}
func.func @result_shape(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<16x8xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op the result has shape [16, 8], expected [8, 16]}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<16x8xbf16>
  return %0 : tensor<16x8xbf16>
}
func.func @k(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x1xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has contracting dimensions of extents 64 and 32, expected equal extents}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x32xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x1xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @global_scale(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>, %s2: tensor<1xf32>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has a global scale of type 'tensor<1xf32>', expected a scalar of the result's type}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1, %s2) {call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>, tensor<1xf32>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @odd_block(%x: tensor<8x30xf8E4M3FN>, %w: tensor<16x30xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op quantized tensor: K is 30 (30 with padding), expected a multiple of the block, 16, for e4m3 with e8m0 scales per 1 x 16}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22block_scaled_dot_backend_config\22: {\22block_size\22: 16}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x30xf8E4M3FN>, tensor<16x30xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @padded_columns(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x4xf8E8M0FNU>, %s1: tensor<16x4xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has 4 left scales along K = 64 for blocks of 32, expected 2 (padded scales aren't imported)}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22block_scaled_dot_backend_config\22: {\22block_size\22: 32}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x4xf8E8M0FNU>, tensor<16x4xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @dynamic(%x: tensor<?x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<?x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<?x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has a left operand of type 'tensor<?x64xf8E4M3FN>', expected a static shape}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<?x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<?x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<?x16xbf16>
  return %0 : tensor<?x16xbf16>
}
func.func @float4_order(%x: tensor<64x8xf4E2M1FN>, %w: tensor<64x16xf4E2M1FN>, %s0: tensor<2x8xf8E8M0FNU>, %s1: tensor<2x16xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op has a left operand of type 'tensor<64x8xf4E2M1FN>' whose contracting dimension isn't the last, expected it there: two codes of it share a byte}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22scaled_dot_backend_config\22: {\22lhs_contracting_dimensions\22: [0], \22rhs_contracting_dimensions\22: [0]}}", call_target_name = "__op$block_scaled_dot"} : (tensor<64x8xf4E2M1FN>, tensor<64x16xf4E2M1FN>, tensor<2x8xf8E8M0FNU>, tensor<2x16xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @two_free(%x: tensor<2x8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<2x8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<2x8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op multiplies 'tensor<2x8x64xf8E4M3FN>' and 'tensor<16x64xf8E4M3FN>' over 1 contracting and 0 batch dimensions, expected one contracting dimension and one more of each operand}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {call_target_name = "__op$block_scaled_dot"} : (tensor<2x8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<2x8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<2x8x16xbf16>
  return %0 : tensor<2x8x16xbf16>
}

// -----

// backend_config.
func.func @kind(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '1 : i32', expected a string of JSON}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = 1 : i32, call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @json(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '{"scaled_dot', expected JSON: [1:12, byte=12]: Unterminated string}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22scaled_dot", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @array(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '[]', expected an object}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "[]", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @section(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '{"gemm": {}}', expected an object 'scaled_dot_backend_config' or 'block_scaled_dot_backend_config' in place of 'gemm'}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22gemm\22: {}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @field(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '{"scaled_dot_backend_config": {"epilogue": 1}}', expected {lhs,rhs}_{batch,contracting}_dimensions or dequantize_type in place of 'epilogue'}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22scaled_dot_backend_config\22: {\22epilogue\22: 1}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @dims(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '{"scaled_dot_backend_config": {"lhs_batch_dimensions": ["0"]}}', expected integers in 'lhs_batch_dimensions'}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22scaled_dot_backend_config\22: {\22lhs_batch_dimensions\22: [\220\22]}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @dequantize(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '{"scaled_dot_backend_config": {"dequantize_type": "S8"}}', expected a 'dequantize_type' of BF16, F16 or F32}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22scaled_dot_backend_config\22: {\22dequantize_type\22: \22S8\22}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @block(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op attribute 'backend_config' is '{"block_scaled_dot_backend_config": {"block_size": 0}}', expected 'block_size', a positive integer, alone in 'block_scaled_dot_backend_config'}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22block_scaled_dot_backend_config\22: {\22block_size\22: 0}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
func.func @range(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %s0: tensor<8x2xf8E8M0FNU>, %s1: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  // expected-error@+1 {{'stablehlo.custom_call' op names dimension 7 of its left operand, 'tensor<8x64xf8E4M3FN>', expected 0 to 1}}
  %0 = "stablehlo.custom_call"(%x, %w, %s0, %s1) {backend_config = "{\22scaled_dot_backend_config\22: {\22lhs_contracting_dimensions\22: [7]}}", call_target_name = "__op$block_scaled_dot"} : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// -----

// Indices that are data, loops and shapes that are data.
func.func @gather(%x: tensor<8x4xf32>, %i: tensor<2x1xi32>) -> tensor<2x4xf32> {
  // expected-error@+1 {{'stablehlo.gather' op isn't among the ops that are imported}}
  %0 = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 4>}> : (tensor<8x4xf32>, tensor<2x1xi32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
func.func @while(%x: tensor<f32>, %n: tensor<i1>) -> tensor<f32> {
  // One error, not one for each op of its regions.
  // expected-error@+1 {{'stablehlo.while' op isn't among the ops that are imported}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%a: tensor<f32>):
    "stablehlo.return"(%n) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>):
    %1 = "stablehlo.add"(%a, %a) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%1) : (tensor<f32>) -> ()
  }) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func @dynamic_reshape(%x: tensor<?xf32>, %shape: tensor<2xi32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{'stablehlo.dynamic_reshape' op isn't among the ops that are imported}}
  %0 = "stablehlo.dynamic_reshape"(%x, %shape) : (tensor<?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
func.func @dynamic_slice_of_dynamic(%x: tensor<?xf32>, %i: tensor<i32>) -> tensor<2xf32> {
  // expected-error@+1 {{'stablehlo.dynamic_slice' op takes 2 of dimension 0 of 'tensor<?xf32>', expected a part of a static extent}}
  %0 = "stablehlo.dynamic_slice"(%x, %i) <{slice_sizes = array<i64: 2>}> : (tensor<?xf32>, tensor<i32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// Bytes that are something else than one 8-bit float, too.
func.func @bytes_added(%x: tensor<8xui8>) -> tensor<8xf8E8M0FNU> {
  // expected-error@+1 {{'stablehlo.add' op has a value of type 'tensor<8xui8>', expected elements that are floats, signed integers or booleans}}
  %0 = "stablehlo.add"(%x, %x) : (tensor<8xui8>, tensor<8xui8>) -> tensor<8xui8>
  // expected-error@+1 {{'stablehlo.bitcast_convert' op has a value of type 'tensor<8xui8>', expected elements that are floats, signed integers or booleans}}
  %1 = "stablehlo.bitcast_convert"(%x) : (tensor<8xui8>) -> tensor<8xf8E8M0FNU>
  return %1 : tensor<8xf8E8M0FNU>
}
func.func @two_floats(%x: tensor<8xui8>) -> (tensor<8xf8E8M0FNU>, tensor<8xf8E4M3FN>) {
  // expected-error@+1 {{'stablehlo.bitcast_convert' op has a value of type 'tensor<8xui8>'}}
  %0 = "stablehlo.bitcast_convert"(%x) : (tensor<8xui8>) -> tensor<8xf8E8M0FNU>
  // expected-error@+1 {{'stablehlo.bitcast_convert' op has a value of type 'tensor<8xui8>'}}
  %1 = "stablehlo.bitcast_convert"(%x) : (tensor<8xui8>) -> tensor<8xf8E4M3FN>
  return %0, %1 : tensor<8xf8E8M0FNU>, tensor<8xf8E4M3FN>
}
