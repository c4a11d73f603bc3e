// One case for each constraint of QMMDeviceOps.td, named for it.
// RUN: quant-opt %s --split-input-file --verify-diagnostics

// qmm.encode 1
func.func @f(%v: vector<8xf32>) {
  // expected-error @below {{'qmm.encode' op element is 'f8E8M0FNU', expected f8E4M3FN, f8E5M2, f4E2M1FN or i8}}
  %0 = qmm.encode %v {element = f8E8M0FNU} : vector<8xf32> -> vector<8xi8>
  return
}

// -----

// qmm.encode 2: 4-bit codes have an order
func.func @f(%v: vector<8xf32>) {
  // expected-error @below {{'qmm.encode' op nibbles is none, expected hi_first or lo_first for elements of type 'f4E2M1FN'}}
  %0 = qmm.encode %v {element = f4E2M1FN} : vector<8xf32> -> vector<4xi8>
  return
}

// -----

// qmm.encode 2: others have none
func.func @f(%v: vector<8xf32>) {
  // expected-error @below {{'qmm.encode' op nibbles is lo_first, expected none for elements of type 'i8'}}
  %0 = qmm.encode %v {element = i8, nibbles = #qmm.nibble_order<lo_first>} : vector<8xf32> -> vector<8xi8>
  return
}

// -----

// qmm.encode 3
func.func @f(%v: vector<7xf32>) {
  // expected-error @below {{'qmm.encode' op has 7 values and 4 bytes, expected 8 values of type 'f4E2M1FN'}}
  %0 = qmm.encode %v {element = f4E2M1FN, nibbles = #qmm.nibble_order<lo_first>} : vector<7xf32> -> vector<4xi8>
  return
}

// -----

// qmm.decode 1
func.func @f(%v: vector<8xi8>) {
  // expected-error @below {{'qmm.decode' op element is 'bf16', expected f8E4M3FN, f8E5M2, f8E8M0FNU, f4E2M1FN or i8}}
  %0 = qmm.decode %v {element = bf16} : vector<8xi8> -> vector<8xf32>
  return
}

// -----

// qmm.decode 2
func.func @f(%v: vector<8xi8>) {
  // expected-error @below {{'qmm.decode' op nibbles is none, expected hi_first or lo_first for elements of type 'f4E2M1FN'}}
  %0 = qmm.decode %v {element = f4E2M1FN} : vector<8xi8> -> vector<16xf32>
  return
}

// -----

// qmm.decode 3
func.func @f(%v: vector<8xi8>) {
  // expected-error @below {{'qmm.decode' op has 16 values and 8 bytes, expected 8 values of type 'f8E5M2'}}
  %0 = qmm.decode %v {element = f8E5M2} : vector<8xi8> -> vector<16xf32>
  return
}

// -----

// qmm.encode_scale 1
func.func @f(%a: f32) {
  // expected-error @below {{'qmm.encode_scale' op element is 'f32', expected f8E4M3FN, f8E5M2, f4E2M1FN or i8}}
  %0 = qmm.encode_scale %a {element = f32, rounding = #qmm.e8m0_rounding<ceil>} : f32 -> i8
  return
}
