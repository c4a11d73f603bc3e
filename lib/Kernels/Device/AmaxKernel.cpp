//===- AmaxKernel.cpp - The largest magnitude into a buffer ---------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block stores what every consumer of an amax computes for itself.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"
#include "TensorAmax.h"

using namespace mlir;
using namespace mlir::qmm;

void mlir::qmm::buildAmax(Emitter &caller, KernelLibrary &library,
                          PhysAmaxOp op) {
  Value input = op.getInputs()[0];
  Value x = flatten(caller, input);
  Value result = flatten(caller, op.getOutputs()[0]);
  for (const TensorAmax &source :
       planTensorAmax(caller, library, x, getTotal(caller, input))) {
    bool isSmall = source.isSmall();
    Value extent = source.applies ? source.applies : caller.index(1);
    library.launch(caller, "amax", {isSmall ? kWholeThreads : 256, 1},
                   {isSmall ? x : source.partials, result}, {source.count},
                   extent, [&](KernelBody &e) {
                     Value amax =
                         emitTensorAmax(e, isSmall, e.buffer(0), e.integer(0));
                     e.when(e.equal(e.item(), e.index(0)), [&](Emitter &) {
                       memref::StoreOp::create(e, amax, e.buffer(1),
                                               ValueRange(e.index(0)));
                     });
                   });
  }
}
