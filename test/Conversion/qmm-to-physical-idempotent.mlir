// A second run changes nothing.
// RUN: quant-opt %S/qmm-to-physical.mlir --qmm-to-physical --split-input-file -o %t.once
// RUN: quant-opt %t.once --qmm-to-physical --split-input-file -o %t.twice
// RUN: diff %t.once %t.twice
// RUN: quant-opt %S/qmm-to-physical-structure.mlir --qmm-to-physical -o %t.once
// RUN: quant-opt %t.once --qmm-to-physical -o %t.twice
// RUN: diff %t.once %t.twice
