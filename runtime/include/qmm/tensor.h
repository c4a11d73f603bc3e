/*===- qmm/tensor.h - Tensor descriptors with scheme and layout -----------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* A descriptor says what the bytes are: element type, scale blocks, scale
|* layout, nibble order and padding.  Descriptors own nothing.
\*===----------------------------------------------------------------------===*/
#ifndef QMM_TENSOR_H
#define QMM_TENSOR_H

#include "qmm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element types.  The values are part of the ABI and of the artefact. */
typedef enum qmm_dtype {
  QMM_DTYPE_NONE = 0,
  QMM_DTYPE_F32 = 1,
  QMM_DTYPE_BF16 = 2,
  QMM_DTYPE_F16 = 3,
  QMM_DTYPE_E4M3 = 4, /* f8E4M3FN */
  QMM_DTYPE_E5M2 = 5, /* f8E5M2 */
  QMM_DTYPE_E2M1 = 6, /* f4E2M1FN, two codes a byte */
  QMM_DTYPE_E8M0 = 7, /* f8E8M0FNU, a scale type */
  QMM_DTYPE_I8 = 8,
  QMM_DTYPE_U8 = 9,
  QMM_DTYPE_I16 = 10,
  QMM_DTYPE_U16 = 11,
  QMM_DTYPE_I32 = 12,
  QMM_DTYPE_U32 = 13,
  QMM_DTYPE_I64 = 14,
  QMM_DTYPE_U64 = 15,
  QMM_DTYPE_F64 = 16,
  QMM_DTYPE_BOOL = 17 /* one byte, 0 or 1 */
} qmm_dtype;

/* Where the scale of logical scale-matrix element (r, c) is stored.  R rows =
 * ceil(outer / block_outer), C columns = ceil(K / block_k). */
typedef enum qmm_scale_layout {
  QMM_SCALES_LINEAR = 0,         /* row-major R x C */
  QMM_SCALES_OUTER_MAJOR = 1,    /* C columns of leading dimension
                                    roundup(R, scale_pad) */
  QMM_SCALES_BLOCKS_128X128 = 2, /* row-major R x roundup(C, 4), f32 */
  QMM_SCALES_TILED_128X4 = 3     /* cuBLASLt's VEC16 / VEC32 swizzle, padded to
                                    128 rows and 4 columns, pads zero */
} qmm_scale_layout;

/* Order of the two E2M1 codes in a byte. */
typedef enum qmm_nibble_order {
  QMM_NIBBLES_NONE = 0,     /* element type isn't 4 bits wide */
  QMM_NIBBLES_HI_FIRST = 1, /* element 2i in bits 7..4 (ComfyUI) */
  QMM_NIBBLES_LO_FIRST = 2  /* element 2i in bits 3..0 (cuBLASLt, OCP) */
} qmm_nibble_order;

/* real = element * block scale (* tensor scale).  Blocks cover block_outer rows
 * of the second-to-last dimension by block_k elements of the last (K); 0 means
 * the whole dimension, and 0 x 0 one scale for the whole tensor, batch
 * dimensions included.  Leading dimensions are batch: each matrix has its own
 * scale matrix, stored one after the other.  scale == NONE: a wide tensor. */
typedef struct qmm_scheme {
  uint32_t element;          /* qmm_dtype */
  uint32_t scale;            /* qmm_dtype: NONE, F32, E4M3 or E8M0 */
  int64_t block_outer;       /* 0 = whole dimension */
  int64_t block_k;           /* 0 = whole dimension */
  uint32_t has_tensor_scale; /* 1: one more f32 factor for the whole tensor */
  uint32_t reserved;         /* 0 */
} qmm_scheme;

typedef struct qmm_layout {
  uint32_t scales;   /* qmm_scale_layout */
  uint32_t nibbles;  /* qmm_nibble_order */
  int64_t pad_outer; /* storage rows are a multiple of this; 0 or 1: exact */
  int64_t pad_k;     /* storage K is a multiple of this; 0 or 1: exact */
  int64_t scale_pad; /* outer_major only: leading dimension multiple */
} qmm_layout;

enum { QMM_MAX_RANK = 8 };

/* Row-major, contiguous.  `shape` is the logical shape in elements; the bytes
 * at `data` cover the padded storage shape (E2M1: two elements a byte along K,
 * an odd storage K rounded up).  Pad elements are zero codes, pad scales zero
 * bytes.  Pointers are borrowed.  `struct_size` is sizeof(qmm_tensor) of the
 * caller's header. */
typedef struct qmm_tensor {
  uint32_t struct_size;
  uint32_t rank; /* 0..QMM_MAX_RANK; quantized tensors at least 2 */
  int64_t shape[QMM_MAX_RANK];
  qmm_scheme scheme;
  qmm_layout layout;
  void *data;
  void *scale;         /* block scales, scheme.scale typed; NULL when wide */
  float *tensor_scale; /* one f32; NULL unless scheme.has_tensor_scale */
} qmm_tensor;

/* The scheme of a preset: "fp8", "fp8_e5m2", "fp8_row", "fp8_1x128",
 * "fp8_128x128", "mxfp8", "mxfp8_e5m2", "mxfp4", "nvfp4", "int8", "int8_row",
 * "int8_128x128", and the wide "f32", "bf16", "f16".  NOT_FOUND otherwise. */
QMM_EXPORT qmm_status qmm_scheme_from_name(const char *name,
                                           qmm_scheme *scheme);

/* Sizes in bytes of the buffers that a descriptor's shape, scheme and layout
 * need; pointers in it are ignored.  Any out-pointer may be NULL.
 * INVALID_ARGUMENT when the descriptor contradicts itself. */
QMM_EXPORT qmm_status qmm_tensor_sizes(const qmm_tensor *tensor,
                                       size_t *data_bytes, size_t *scale_bytes,
                                       size_t *tensor_scale_bytes);

#ifdef __cplusplus
}
#endif
#endif /* QMM_TENSOR_H */
