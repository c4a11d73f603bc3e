//===- QMMDialect.td - The dialect of quantized tensors -*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect itself.  Attributes, the type and the ops have files of their own.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_IR_QMMDIALECT_TD
#define QMM_IR_QMMDIALECT_TD

include "mlir/IR/DialectBase.td"

def QMM_Dialect : Dialect {
  let name = "qmm";
  let cppNamespace = "::mlir::qmm";
  let summary = "Quantized tensors with scales, and their matrix products.";
  let description = [{
    Models tensors whose elements are small floats or integers and whose scales
    are values: per tensor, per row or per block.  `!qmm.tensor` says what the
    bytes are; `qmm.scaled_matmul` multiplies two of them.

    The type lives up to the stage `laid_out`.  Then a 1:N conversion turns it
    into builtin tensors (data, scales, tensor scale) and the ops into their
    physical forms `qmm.phys.*`, which are in destination-passing style and
    bufferize.  The rationale is in `docs/dialect.md`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    /// Discardable attributes that passes of this project attach.
    /// Array of `#qmm.target`, on a module: what to compile for.
    static constexpr StringLiteral kTargetsAttr = "qmm.targets";
    /// Dictionary scope -> path, on a module: where parameters are.
    static constexpr StringLiteral kParameterFilesAttr = "qmm.parameter_files";
    /// Dictionary name -> elements, on a module: constants spilled to the
    /// parameter scope "const".
    static constexpr StringLiteral kConstantsAttr = "qmm.constants";
    /// String on an op that wasn't rewritten: the first condition that failed.
    static constexpr StringLiteral kReasonAttr = "qmm.reason";
    /// Array of strings on a rewritten op: the roundings that the rewrite
    /// removed, and notes for the report.
    static constexpr StringLiteral kNotesAttr = "qmm.notes";
    /// Array of `#qmm.route` on a matmul after planning.
    static constexpr StringLiteral kRoutesAttr = "qmm.routes";
    /// String on a function argument or result: its name for callers.
    static constexpr StringLiteral kNameAttr = "qmm.name";
    /// Type on a function argument or result: the element type that callers see
    /// where the buffer's own is packed bytes (f4E2M1FN, lo_first).
    static constexpr StringLiteral kElementAttr = "qmm.element";
    /// The stage that a module has passed, on the module.
    static constexpr StringLiteral kStageAttr = "qmm.stage";
    /// The symbol of the nested module that holds a program's host kernels.
    static constexpr StringLiteral kKernelsModule = "qmm.kernels";
    /// The symbol of the gpu.module that holds its device kernels.
    static constexpr StringLiteral kDeviceModule = "qmm.device";
    /// Dictionary on a device kernel: how it is launched (see `qmm.launch`).
    static constexpr StringLiteral kLaunchAttr = "qmm.launch";

    void registerAttributes();
    void registerTypes();
  }];
  let hasConstantMaterializer = 1;
  // Passes may rely on what the comments above say of an attribute's kind.
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

#endif // QMM_IR_QMMDIALECT_TD
