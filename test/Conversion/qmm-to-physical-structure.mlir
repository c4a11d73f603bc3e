// What carries a quantized tensor without looking at it.
// RUN: quant-opt %s --qmm-to-physical | FileCheck %s

!w = !qmm.tensor<64x256xbf16, nvfp4, nibbles = hi_first>
!q = !qmm.tensor<?x256xbf16, fp8_row>

// The scales take the names of the data; other attributes go to every part.
// CHECK-LABEL: func @names
// CHECK-SAME: (%[[D:.*]]: tensor<64x128xi8> {bufferization.writable = false, qmm.name = "w", test.a = 1 : i64},
// CHECK-SAME: %[[S:.*]]: tensor<64x16xf8E4M3FN> {bufferization.writable = false, qmm.name = "w.scale", test.a = 1 : i64},
// CHECK-SAME: %[[TS:.*]]: tensor<f32> {bufferization.writable = false, qmm.name = "w.tensor_scale", test.a = 1 : i64},
// CHECK-SAME: %[[I:.*]]: i1)
// CHECK-SAME: -> (i1, tensor<64x128xi8> {qmm.name = "out"}, tensor<64x16xf8E4M3FN> {qmm.name = "out.scale"},
// CHECK-SAME: tensor<f32> {qmm.name = "out.tensor_scale"}) attributes {qmm.notes = ["kept"]} {
// CHECK-NEXT: return %[[I]], %[[D]], %[[S]], %[[TS]]
func.func @names(%w: !w {qmm.name = "w", test.a = 1}, %i: i1) -> (i1, !w {qmm.name = "out"})
    attributes {qmm.notes = ["kept"]} {
  return %i, %w : i1, !w
}

// Neither a declaration's arguments nor a private function's are marked.
// CHECK: func private @declaration(tensor<?x256xf8E4M3FN>, tensor<?x1xf32>) -> (tensor<?x256xf8E4M3FN>, tensor<?x1xf32>)
func.func private @declaration(!q) -> !q

// CHECK: func private @callee(%[[D:.*]]: tensor<?x256xf8E4M3FN>, %[[S:.*]]: tensor<?x1xf32>, %[[I:.*]]: i32)
// CHECK-SAME: -> (i32, tensor<?x256xf8E4M3FN>, tensor<?x1xf32>) {
// CHECK-NEXT: return %[[I]], %[[D]], %[[S]]
func.func private @callee(%q: !q, %i: i32) -> (i32, !q) {
  return %i, %q : i32, !q
}

// CHECK-LABEL: func @call
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<?x1xf32> {{{.*}}}, %[[I:[^:]*]]: i32
func.func @call(%q: !q, %i: i32) -> !q {
  // CHECK-NEXT: %[[C:.*]]:3 = call @callee(%[[D]], %[[S]], %[[I]])
  // CHECK-SAME: {arg_attrs = [{qmm.name = "q"}, {qmm.name = "q.scale"}, {}], qmm.notes = ["kept"]}
  // CHECK-NEXT: %[[R:.*]]:2 = call @declaration(%[[C]]#1, %[[C]]#2)
  // CHECK-NEXT: return %[[R]]#0, %[[R]]#1
  %c:2 = func.call @callee(%q, %i) {qmm.notes = ["kept"], arg_attrs = [{qmm.name = "q"}, {}]} : (!q, i32) -> (i32, !q)
  %r = func.call @declaration(%c#1) : (!q) -> !q
  return %r : !q
}

// CHECK-LABEL: func @if
// CHECK-SAME: %[[C:[^:]*]]: i1, %[[DA:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SA:[^:]*]]: tensor<?x1xf32> {{{.*}}}, %[[DB:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SB:[^:]*]]: tensor<?x1xf32>
func.func @if(%c: i1, %a: !q, %b: !q) -> !q {
  // CHECK: %[[R:.*]]:2 = scf.if %[[C]] -> (tensor<?x256xf8E4M3FN>, tensor<?x1xf32>) {
  // CHECK-NEXT: scf.yield %[[DA]], %[[SA]]
  // CHECK-NEXT: } else {
  // CHECK-NEXT: scf.yield %[[DB]], %[[SB]]
  // CHECK: return %[[R]]#0, %[[R]]#1
  %r = scf.if %c -> !q {
    scf.yield %a : !q
  } else {
    scf.yield %b : !q
  }
  return %r : !q
}

// CHECK-LABEL: func @for
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<?x1xf32>
func.func @for(%q: !q, %n: index) -> !q {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: %[[R:.*]]:2 = scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[DI:.*]] = %[[D]], %[[SI:.*]] = %[[S]])
  // CHECK: %[[X:.*]] = qmm.phys.dequantize ins(%[[DI]], %[[SI]] :
  // CHECK: %[[Q:.*]]:2 = qmm.phys.quantize ins(%[[X]] :
  // CHECK: scf.yield %[[Q]]#0, %[[Q]]#1
  // CHECK: return %[[R]]#0, %[[R]]#1
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%x = %q) -> !q {
    %w = qmm.dequantize %x : !q -> tensor<?x256xbf16>
    %y = qmm.quantize %w : tensor<?x256xbf16> -> !q
    scf.yield %y : !q
  }
  return %r : !q
}

// CHECK-LABEL: func @while
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<?x1xf32>
func.func @while(%q: !q, %n: index) -> (index, !q) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: %[[R:.*]]:3 = scf.while (%[[I0:.*]] = %{{.*}}, %[[D0:.*]] = %[[D]], %[[S0:.*]] = %[[S]])
  // CHECK: scf.condition(%{{.*}}) %[[I0]], %[[D0]], %[[S0]]
  // CHECK: ^bb0(%[[I1:.*]]: index, %[[D1:.*]]: tensor<?x256xf8E4M3FN>, %[[S1:.*]]: tensor<?x1xf32>):
  // CHECK: %[[J:.*]] = arith.addi %[[I1]]
  // CHECK: scf.yield %[[J]], %[[D1]], %[[S1]]
  // CHECK: return %[[R]]#0, %[[R]]#1, %[[R]]#2
  %r:2 = scf.while (%i = %c0, %x = %q) : (index, !q) -> (index, !q) {
    %c = arith.cmpi ult, %i, %n : index
    scf.condition(%c) %i, %x : index, !q
  } do {
  ^bb0(%i: index, %x: !q):
    %j = arith.addi %i, %c1 : index
    scf.yield %j, %x : index, !q
  }
  return %r#0, %r#1 : index, !q
}

// CHECK-LABEL: func @branch
// CHECK-SAME: %[[C:[^:]*]]: i1, %[[DA:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SA:[^:]*]]: tensor<?x1xf32> {{{.*}}}, %[[DB:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SB:[^:]*]]: tensor<?x1xf32>
func.func @branch(%c: i1, %a: !q, %b: !q) -> !q {
  // CHECK: cf.cond_br %[[C]], ^[[THEN:.*]](%[[DA]], %[[SA]] : {{.*}}), ^[[ELSE:.*]](%[[DB]], %[[SB]] :
  cf.cond_br %c, ^then(%a : !q), ^else(%b : !q)
^then(%x: !q):
  // CHECK: ^[[THEN]](%[[DX:.*]]: tensor<?x256xf8E4M3FN>, %[[SX:.*]]: tensor<?x1xf32>):
  // CHECK: cf.br ^[[ELSE]](%[[DX]], %[[SX]] :
  cf.br ^else(%x : !q)
^else(%y: !q):
  // CHECK: ^[[ELSE]](%[[DY:.*]]: tensor<?x256xf8E4M3FN>, %[[SY:.*]]: tensor<?x1xf32>):
  // CHECK: return %[[DY]], %[[SY]]
  return %y : !q
}

// CHECK-LABEL: func @select
// CHECK-SAME: %[[C:[^:]*]]: i1, %[[DA:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SA:[^:]*]]: tensor<?x1xf32> {{{.*}}}, %[[DB:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SB:[^:]*]]: tensor<?x1xf32>
func.func @select(%c: i1, %a: !q, %b: !q) -> !q {
  // CHECK-NEXT: %[[D:.*]] = arith.select %[[C]], %[[DA]], %[[DB]] : tensor<?x256xf8E4M3FN>
  // CHECK-NEXT: %[[S:.*]] = arith.select %[[C]], %[[SA]], %[[SB]] : tensor<?x1xf32>
  // CHECK-NEXT: return %[[D]], %[[S]]
  %r = arith.select %c, %a, %b : !q
  return %r : !q
}
