/*===- qmm/ops.h - Scaled matmul, quantize, dequantize, relayout, amax ----===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* The operations a compiled program is made of, callable on their own.  Inputs
|* are never written; outputs may not overlap inputs.
\*===----------------------------------------------------------------------===*/
#ifndef QMM_OPS_H
#define QMM_OPS_H

#include "qmm/context.h"
#include "qmm/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who chooses the scales of a quantize. */
typedef enum qmm_scale_source {
  QMM_SCALES_COMPUTED = 0,           /* all from the data; written to dst */
  QMM_SCALES_TENSOR_SCALE_GIVEN = 1, /* dst->tensor_scale is read, block scales
                                        are computed and written */
  QMM_SCALES_GIVEN = 2 /* dst->scale (and tensor_scale) are read */
} qmm_scale_source;

/* Rounding of a computed E8M0 scale exponent. */
typedef enum qmm_e8m0_rounding {
  QMM_E8M0_CEIL = 0,  /* ceil(log2(amax / max)): cvt.rp, the default */
  QMM_E8M0_FLOOR = 1, /* floor(log2(amax)) - emax: OCP; elements saturate */
  QMM_E8M0_EVEN = 2   /* amax / max to the nearest power of two, ties even */
} qmm_e8m0_rounding;

typedef struct qmm_quantize_params {
  uint32_t struct_size;
  uint32_t scale_source;     /* qmm_scale_source */
  uint32_t e8m0_rounding;    /* qmm_e8m0_rounding */
  uint32_t divide_precision; /* qmm_dtype F32 (0 means F32), BF16 or F16: the
                               quotient x / scale is rounded to it, and so is
                               the scale it divides by, before the element is
                               rounded, as jax's and flax's quantizers do */
  uint32_t scale_precision_input; /* 1: tensor-wide amax / constant is computed
                               in the input's dtype, as comfy-kitchen does */
} qmm_quantize_params;

/* src: wide (f32, bf16, f16), any rank >= 2; dst: same shape, any scheme.
 * Round to nearest even, saturating.  `params` may be NULL: all zeros. */
QMM_EXPORT qmm_status qmm_quantize(qmm_context *context, const qmm_tensor *src,
                                   const qmm_quantize_params *params,
                                   const qmm_tensor *dst);

/* src: any scheme; dst: wide, same shape.  Computed in f32, rounded once. */
QMM_EXPORT qmm_status qmm_dequantize(qmm_context *context,
                                     const qmm_tensor *src,
                                     const qmm_tensor *dst);

/* Same shape and scheme, other layout: no value changes. */
QMM_EXPORT qmm_status qmm_relayout(qmm_context *context, const qmm_tensor *src,
                                   const qmm_tensor *dst);

/* max |x| of a wide tensor into *amax (f32); NaN if any element is NaN; 0 for
 * an empty tensor. */
QMM_EXPORT qmm_status qmm_amax(qmm_context *context, const qmm_tensor *src,
                               float *amax);

typedef enum qmm_activation {
  QMM_ACTIVATION_NONE = 0,
  QMM_ACTIVATION_RELU = 1,
  QMM_ACTIVATION_GELU_TANH = 2,
  QMM_ACTIVATION_GELU_ERF = 3,
  QMM_ACTIVATION_SILU = 4
} qmm_activation;

/* D = quantize(activation(alpha * A * B^T + bias + residual)).
 *   a        [batch..., M, K]  any scheme, wide, or raw: FP8 or i8 without a
 *                              scale, whose codes are the values
 *   b        [batch..., N, K]  likewise; rank 2 is shared by all batches
 *   alpha    f32 factor of the sum, or NULL: 1
 *   bias     [N] wide, or NULL
 *   residual [batch..., M, N] wide, or NULL
 *   d        [batch..., M, N] wide; raw FP8 (saturating); i32, of raw i8
 *            operands, without alpha, bias, residual, activation and amax
 *            (modulo 2^32); or quantized: with a scheme of one f32 scale,
 *            d->scale is *given*; with blocks, scales are computed and written
 *            (and the tensor scale, if the scheme has one, is given)
 *   amax     f32, or NULL: max |result| before the output is quantized
 * Sums are f32 (int8 x int8: exact i32 when neither side has K blocks).  M, N,
 * K and the batch may be 0; K = 0 gives activation(bias + residual).
 *
 * On a GPU every pointer in the tensors, alpha, amax and workspace is the
 * device's, 16-byte aligned (alpha and amax 4), and the call only enqueues.
 * It runs what cuBLASLt multiplies and is UNSUPPORTED, naming the rule,
 * otherwise. */
typedef struct qmm_scaled_matmul_args {
  uint32_t struct_size;
  uint32_t activation;               /* qmm_activation */
  uint32_t a_precision, b_precision; /* qmm_dtype F32 (0 means F32), BF16 or
                                        F16: what an operand's element times its
                                        scales (in f32) is rounded to, to
                                        nearest even and to infinity where it
                                        overflows; quantized operands only */
  const qmm_tensor *a;
  const qmm_tensor *b;
  const qmm_tensor *bias;
  const qmm_tensor *residual;
  const qmm_tensor *d;
  float *amax;
  void *workspace; /* 64-byte aligned (256 on a GPU), of at least the size
                      asked below */
  size_t workspace_bytes;
  const float *alpha;
  void *stream; /* a GPU's; NULL: its default stream.  NULL on the CPU */
} qmm_scaled_matmul_args;

/* Bytes of workspace the call needs; reads shapes, schemes and layouts only. */
QMM_EXPORT qmm_status qmm_scaled_matmul_workspace(
    qmm_context *context, const qmm_scaled_matmul_args *args, size_t *bytes);

/* Allocates nothing when a large enough workspace is given; a NULL workspace
 * makes it allocate one for the call (a GPU: one for the stream, kept).  On a
 * GPU the first call of a problem also plans, which a stream that is being
 * captured forbids: UNPREPARED.  qmm_scaled_matmul_workspace plans, too. */
QMM_EXPORT qmm_status qmm_scaled_matmul(qmm_context *context,
                                        const qmm_scaled_matmul_args *args);

#ifdef __cplusplus
}
#endif
#endif /* QMM_OPS_H */
