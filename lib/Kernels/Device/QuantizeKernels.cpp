//===- QuantizeKernels.cpp - Wide to quantized, in one launch or two ------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three kernels: one whose scales are known before it reads, one whose blocks
// are within a warp's reach, and one with a block of threads for each scale.
// All read the input once, but for what doesn't fit in registers.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"
#include "Chunk.h"
#include "ScaleRules.h"
#include "TensorAmax.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {

/// Chunks that a thread keeps in registers at most.
constexpr int64_t kMaxHeldChunks = 8;
/// Chunks of a thread where the scales are known.  Two were slower (183 against
/// 145 us for 16384 x 8192 on an H100): behind a branch each, their loads don't
/// overlap.
constexpr int64_t kPointwiseChunks = 1;

class QuantizeBuilder {
public:
  QuantizeBuilder(Emitter &caller, KernelLibrary &library, PhysQuantizeOp op);
  void run();

private:
  // In the program.
  void launch(StringRef kind, LaunchShape shape, Value extent,
              const TensorAmax *amax,
              llvm::function_ref<void(KernelBody &, const TensorShape &)> body);
  void
  launchAll(StringRef kind, LaunchShape shape, Value extent,
            llvm::function_ref<void(KernelBody &, const TensorShape &)> body);
  int64_t getLanes() const;
  int64_t getChunksPerRow() const;
  bool fitsRegisters(int64_t &threads) const;

  // In a kernel.
  Span getSpan(Emitter &e, Value first, Value end, Value storedEnd) const;
  Span getSpan(Emitter &e, const TensorShape &shape, Value row, Value first,
               Value inRange) const;
  void emitTensorWide(KernelBody &e);
  void emitPointwise(KernelBody &e, const TensorShape &shape);
  void emitGroups(KernelBody &e, const TensorShape &shape, int64_t lanes);
  void emitHeldBlock(KernelBody &e, const TensorShape &shape);
  void emitLongBlock(KernelBody &e, const TensorShape &shape);
  Value storeScale(KernelBody &e, const TensorShape &shape, Value magnitude,
                   Value matrix, Value r, Value c, Value storing);
  Raw load(KernelBody &e, const TensorShape &shape, const Span &span,
           Value matrix, Value row);
  void store(KernelBody &e, const TensorShape &shape, ArrayRef<Value> raw,
             Value factor, Value magnitude, const Span &span, Value matrix,
             Value row);
  Value getBlock(KernelBody &e) const;

  Emitter &caller;
  KernelLibrary &library;
  QuantizedTensorType type;
  ScaleRules rules;
  bool scaleGiven, tensorScaleGiven;
  SmallVector<Value> buffers; // x, data, scale, tensor scale
  ShapeArguments arguments;
  int64_t chunk;                               // elements
  Value total;                                 // elements of x
  bool vectorRows = true, wholeChunks = false; // as in Span

  // Of the kernel being built.
  const TensorAmax *amax = nullptr;
  Value tensorScale;
  ScaleRules::Scale wholeScale;
};

} // namespace

static bool isPointwise(PhysQuantizeOp op) {
  auto type = cast<QuantizedTensorType>(op.getOutputType(0));
  return op.getScaleGiven() || type.getScheme().hasWholeBlocks();
}

QuantizeBuilder::QuantizeBuilder(Emitter &caller, KernelLibrary &library,
                                 PhysQuantizeOp op)
    : caller(caller), library(library),
      type(cast<QuantizedTensorType>(op.getOutputType(0))),
      scaleGiven(op.getScaleGiven()),
      tensorScaleGiven(op.getTensorScaleGiven()),
      arguments(caller, type, op.getInputs()[0], hasIndependentRows(type),
                isPointwise(op) && isFlat(type)) {
  SchemeAttr scheme = type.getScheme();
  rules.wide = type.getExpressed();
  rules.element = scheme.getElement();
  rules.scale = scheme.getScale();
  rules.nibbles = type.getLayout().getNibbles();
  rules.hasTensorScale = scheme.getTensorScale();
  rules.hasWholeBlocks = scheme.hasWholeBlocks();
  rules.rounding = op.getE8m0Rounding();
  rules.precision = op.getPrecision().value_or(Type());
  rules.scalePrecisionInput = op.getScalePrecisionInput();
  chunk = getChunkSize(rules.wide);
  total = getTotal(caller, op.getInputs()[0]);

  size_t in = 0, out = 0;
  auto take = [&](bool given) {
    Value buffer = given ? op.getInputs()[in++] : op.getOutputs()[out++];
    buffers.push_back(flatten(caller, buffer));
  };
  take(true);
  take(false);
  take(scaleGiven);
  if (rules.hasTensorScale)
    take(tensorScaleGiven);

  const TensorShape &shape = arguments.get();
  int64_t k = getStatic(shape.k);
  if (!(isPointwise(op) && isFlat(type))) {
    bool wholeBlocks = shape.blockK % chunk == 0;
    vectorRows =
        !ShapedType::isDynamic(k) && wholeBlocks &&
        k * getWideBytes(rules.wide) % 16 == 0 &&
        getStatic(shape.rowBytes(caller)) % (chunk / shape.codesPerByte()) == 0;
    wholeChunks = vectorRows && k % chunk == 0;
  }
}

//===----------------------------------------------------------------------===//
// In the program
//===----------------------------------------------------------------------===//

void QuantizeBuilder::launch(
    StringRef kind, LaunchShape shape, Value extent, const TensorAmax *source,
    llvm::function_ref<void(KernelBody &, const TensorShape &)> body) {
  SmallVector<Value> passed(buffers), integers(arguments.getIntegers());
  if (source) {
    if (!source->isSmall())
      passed.push_back(source->partials);
    integers.push_back(source->count);
    if (source->applies)
      extent = caller.mul(extent, source->applies);
  }
  std::string name = ("quantize_" + kind).str();
  library.launch(caller, name, shape, passed, integers, extent,
                 [&](KernelBody &e) {
                   amax = source;
                   tensorScale = Value();
                   wholeScale = ScaleRules::Scale();
                   body(e, arguments.inKernel(e, 0));
                 });
}

void QuantizeBuilder::launchAll(
    StringRef kind, LaunchShape shape, Value extent,
    llvm::function_ref<void(KernelBody &, const TensorShape &)> body) {
  bool computesWhole = rules.hasWholeBlocks && !scaleGiven;
  bool computesTensorScale =
      rules.hasTensorScale && !tensorScaleGiven && rules.needsTensorAmax();
  if (!computesWhole && !computesTensorScale)
    return launch(kind, shape, extent, nullptr, body);
  for (const TensorAmax &source :
       planTensorAmax(caller, library, buffers[0], total)) {
    LaunchShape own = shape;
    if (source.isSmall()) {
      // A block for each scale has as many threads as it needs, or a few more.
      if (own.itemsPerBlock > 1)
        own.itemsPerBlock *= kWholeThreads / own.threads;
      own.threads = kWholeThreads;
    }
    launch(kind, own, extent, &source, body);
  }
}

/// Threads that share a scale, where they are neighbours of one warp; else 0.
int64_t QuantizeBuilder::getLanes() const {
  const TensorShape &shape = arguments.get();
  if (shape.blockOuter != 1 || shape.blockK == 0 || shape.blockK % chunk != 0)
    return 0;
  int64_t lanes = shape.blockK / chunk;
  return llvm::isPowerOf2_64(lanes) && lanes <= 32 ? lanes : 0;
}

/// Chunks of a row of a block of elements.
int64_t QuantizeBuilder::getChunksPerRow() const {
  const TensorShape &shape = arguments.get();
  return shape.blockK ? shape.blockK / chunk
                      : llvm::divideCeil(getStatic(shape.k), chunk);
}

/// Do a block's elements fit in the registers of a block of threads, and how
/// many threads are they then?
bool QuantizeBuilder::fitsRegisters(int64_t &threads) const {
  const TensorShape &shape = arguments.get();
  int64_t k = getStatic(shape.k);
  if (shape.blockOuter == 0 || ShapedType::isDynamic(k) || k == 0 ||
      type.getLayout().isPadded() || shape.blockK % chunk != 0)
    return false;
  int64_t perRow = getChunksPerRow();
  if (perRow > 512 * kMaxHeldChunks || shape.blockOuter > 512)
    return false;
  int64_t chunks = perRow * shape.blockOuter;
  // Two a thread keep enough loads in flight; more only where there are many.
  threads = std::clamp<int64_t>(llvm::alignTo(llvm::divideCeil(chunks, 2), 32),
                                32, 256);
  if (chunks > threads * 4)
    threads = 512;
  return chunks <= threads * kMaxHeldChunks;
}

void QuantizeBuilder::run() {
  const TensorShape &shape = arguments.get();
  if (scaleGiven || rules.hasWholeBlocks) {
    Value chunks = caller.ceilDiv(shape.storedK(caller), chunk);
    Value extent =
        caller.mul(caller.mul(shape.batch, shape.storedOuter(caller)), chunks);
    // An empty tensor has a scale.
    if (!scaleGiven)
      extent = caller.max(extent, caller.index(1));
    return launchAll("pointwise", {256, 256 * kPointwiseChunks}, extent,
                     [&](KernelBody &e, const TensorShape &shape) {
                       emitPointwise(e, shape);
                     });
  }
  if (int64_t lanes = getLanes()) {
    Value rows =
        caller.max(shape.storedOuter(caller), shape.storedScaleRows(caller));
    Value chunks = caller.max(
        caller.roundUp(caller.ceilDiv(shape.storedK(caller), chunk), lanes),
        caller.mul(shape.storedScaleCols(caller), lanes));
    Value extent = caller.mul(caller.mul(shape.batch, rows), chunks);
    if (rules.hasTensorScale && !tensorScaleGiven)
      extent = caller.max(extent, caller.index(1));
    return launchAll("groups", {256, 256}, extent,
                     [&](KernelBody &e, const TensorShape &shape) {
                       emitGroups(e, shape, lanes);
                     });
  }
  Value extent =
      caller.mul(caller.mul(shape.batch, shape.storedScaleRows(caller)),
                 shape.storedScaleCols(caller));
  if (rules.hasTensorScale && !tensorScaleGiven)
    extent = caller.max(extent, caller.index(1));
  int64_t threads = 256;
  if (fitsRegisters(threads))
    return launchAll("block", {threads, 1}, extent,
                     [&](KernelBody &e, const TensorShape &shape) {
                       emitHeldBlock(e, shape);
                     });
  launchAll("long_block", {256, 1}, extent,
            [&](KernelBody &e, const TensorShape &shape) {
              emitLongBlock(e, shape);
            });
}

//===----------------------------------------------------------------------===//
// In every kernel
//===----------------------------------------------------------------------===//

/// A chunk from element `first` of a row whose elements end at `end`.
Span QuantizeBuilder::getSpan(Emitter &e, Value first, Value end,
                              Value storedEnd) const {
  Span span;
  span.first = first;
  span.end = end;
  span.storedEnd = storedEnd;
  span.vector = vectorRows;
  span.whole = wholeChunks;
  return span;
}

/// The same for a row that may be a pad, and a thread that may have none.
Span QuantizeBuilder::getSpan(Emitter &e, const TensorShape &shape, Value row,
                              Value first, Value inRange) const {
  Span span = getSpan(e, first, shape.k, shape.storedK(e));
  span.real = e.both(inRange, e.less(row, shape.outer));
  span.stored = span.real;
  if (type.getLayout().getPadOuter() > 1)
    span.stored = e.both(inRange, e.less(row, shape.storedOuter(e)));
  return span;
}

Raw QuantizeBuilder::load(KernelBody &e, const TensorShape &shape,
                          const Span &span, Value matrix, Value row) {
  Value at = e.mul(e.add(e.mul(matrix, shape.outer), row), shape.k);
  return loadChunk(e, e.buffer(0), at, span);
}

void QuantizeBuilder::store(KernelBody &e, const TensorShape &shape,
                            ArrayRef<Value> raw, Value factor, Value magnitude,
                            const Span &span, Value matrix, Value row) {
  Value codes = rules.encode(e, raw, factor, magnitude);
  Value at =
      e.mul(e.add(e.mul(matrix, shape.storedOuter(e)), row), shape.rowBytes(e));
  storeCodes(e, codes, e.buffer(1), at, span, shape.codesPerByte());
}

/// Which part of the work this block of threads has.  The end of what a kernel
/// before has read is still in L2: begin there.
Value QuantizeBuilder::getBlock(KernelBody &e) const {
  if (!amax || amax->isSmall())
    return e.block();
  Value blocks = gpu::GridDimOp::create(e, gpu::Dimension::x);
  return e.sub(e.sub(blocks, e.index(1)), e.block());
}

/// Sets the tensor scale and the scale of the whole tensor, and stores those
/// that are computed.
void QuantizeBuilder::emitTensorWide(KernelBody &e) {
  Value largest;
  if (amax) {
    bool isSmall = amax->isSmall();
    Value source = e.buffer(isSmall ? 0 : buffers.size());
    largest = emitTensorAmax(e, isSmall, source,
                             e.integer(arguments.getIntegers().size()));
  }
  Value isFirst = e.equal(e.item(), e.index(0));
  auto storeFirst = [&](Value value, Value buffer) {
    e.when(isFirst, [&](Emitter &) {
      Type type = cast<MemRefType>(buffer.getType()).getElementType();
      memref::StoreOp::create(e, e.bitcast(type, value), buffer,
                              ValueRange(e.index(0)));
    });
  };
  auto loadFirst = [&](Value buffer) -> Value {
    return memref::LoadOp::create(e, buffer, ValueRange(e.index(0)));
  };
  if (rules.hasTensorScale) {
    if (tensorScaleGiven) {
      tensorScale = loadFirst(e.buffer(3));
    } else {
      tensorScale = rules.chooseTensorScale(e, largest);
      storeFirst(tensorScale, e.buffer(3));
    }
  }
  if (!rules.hasWholeBlocks)
    return;
  if (scaleGiven) {
    wholeScale.factor = rules.getFactor(e, loadFirst(e.buffer(2)), tensorScale);
  } else {
    wholeScale = rules.choose(e, largest, tensorScale);
    storeFirst(wholeScale.stored, e.buffer(2));
  }
}

/// Chooses the scale of block (r, c), stores it (0 for a pad) where `storing`,
/// and returns its factor.
Value QuantizeBuilder::storeScale(KernelBody &e, const TensorShape &shape,
                                  Value magnitude, Value matrix, Value r,
                                  Value c, Value storing) {
  ScaleRules::Scale scale =
      rules.choose(e, e.bitcast(e.getF32Type(), magnitude), tensorScale);
  storing = e.both(storing, e.less(r, shape.storedScaleRows(e)));
  storing = e.both(storing, e.less(c, shape.storedScaleCols(e)));
  e.when(storing, [&](Emitter &) {
    Value stored = scale.stored;
    if (shape.hasScalePads()) {
      Value exists =
          e.both(e.less(r, shape.scaleRows(e)), e.less(c, shape.scaleCols(e)));
      Type type = stored.getType();
      Value zero = type.isF32() ? e.f32(0) : e.constant(type, 0);
      stored = e.select(exists, stored, zero);
    }
    memref::StoreOp::create(e, e.bitcast(rules.scale, stored), e.buffer(2),
                            ValueRange(shape.scaleOffset(e, matrix, r, c)));
  });
  return scale.factor;
}

//===----------------------------------------------------------------------===//
// Scales that are known first
//===----------------------------------------------------------------------===//

void QuantizeBuilder::emitPointwise(KernelBody &e, const TensorShape &shape) {
  Value chunks = e.ceilDiv(shape.storedK(e), chunk);
  Value start =
      e.add(e.mul(getBlock(e), kPointwiseChunks * e.threads()), e.thread());
  SmallVector<Span> spans;
  SmallVector<Raw> raws;
  SmallVector<Value> matrices, rows;
  for (int64_t i = 0; i < kPointwiseChunks; ++i) {
    Value item = e.add(start, i * e.threads());
    Value matrix = e.index(0), row = e.index(0), column = item;
    if (getStatic(shape.outer) != 1) {
      row = e.div(item, chunks);
      column = e.rem(item, chunks);
    }
    if (getStatic(shape.batch) != 1) {
      matrix = e.div(row, shape.storedOuter(e));
      row = e.rem(row, shape.storedOuter(e));
    }
    spans.push_back(
        getSpan(e, shape, row, e.mul(column, chunk), e.less(item, e.extent())));
    // Before anything that waits.
    raws.push_back(load(e, shape, spans.back(), matrix, row));
    matrices.push_back(matrix);
    rows.push_back(row);
  }
  emitTensorWide(e);
  for (int64_t i = 0; i < kPointwiseChunks; ++i) {
    Value factor = wholeScale.factor;
    if (!rules.hasWholeBlocks)
      factor = loadFactors(e, rules, shape, e.buffer(2), tensorScale, spans[i],
                           chunk, matrices[i], rows[i]);
    store(e, shape, raws[i], factor, getMagnitude(e, rules.wide, raws[i]),
          spans[i], matrices[i], rows[i]);
  }
}

//===----------------------------------------------------------------------===//
// Scales of neighbours
//===----------------------------------------------------------------------===//

void QuantizeBuilder::emitGroups(KernelBody &e, const TensorShape &shape,
                                 int64_t lanes) {
  Value item = e.add(e.mul(getBlock(e), e.threads()), e.thread());
  Value rows = e.max(shape.storedOuter(e), shape.storedScaleRows(e));
  Value chunks = e.max(e.roundUp(e.ceilDiv(shape.storedK(e), chunk), lanes),
                       e.mul(shape.storedScaleCols(e), lanes));
  Value inRange = e.less(item, e.extent());
  Value matrix = e.index(0), row = e.div(item, chunks);
  Value column = e.rem(item, chunks);
  if (getStatic(shape.batch) != 1) {
    matrix = e.div(row, rows);
    row = e.rem(row, rows);
  }
  Span span = getSpan(e, shape, row, e.mul(column, chunk), inRange);
  Raw raw = load(e, shape, span, matrix, row);
  emitTensorWide(e);
  Value own = getMagnitude(e, rules.wide, raw);
  Value magnitude = maxOverLanes(e, own, lanes);
  Value isLeader = e.both(inRange, e.equal(e.rem(column, lanes), e.index(0)));
  Value factor = storeScale(e, shape, magnitude, matrix, row,
                            e.div(column, lanes), isLeader);
  store(e, shape, raw, factor, own, span, matrix, row);
}

//===----------------------------------------------------------------------===//
// A block of threads for each scale
//===----------------------------------------------------------------------===//

void QuantizeBuilder::emitHeldBlock(KernelBody &e, const TensorShape &shape) {
  Value cols = shape.storedScaleCols(e), rows = shape.storedScaleRows(e);
  Value item = getBlock(e);
  Value r = e.div(item, cols), c = e.rem(item, cols), matrix = e.index(0);
  if (getStatic(shape.batch) != 1) {
    matrix = e.div(r, rows);
    r = e.rem(r, rows);
  }
  int64_t perRow = getChunksPerRow(), chunks = perRow * shape.blockOuter;
  int64_t held = llvm::divideCeil(chunks, e.threads());
  SmallVector<Span> spans;
  SmallVector<Raw> raws;
  SmallVector<Value> inRows, magnitudes;
  for (int64_t i = 0; i < held; ++i) {
    Value at = e.add(e.thread(), i * e.threads());
    Value row = e.add(e.mul(r, shape.blockOuter), e.div(at, perRow));
    Value first = e.mul(e.add(e.mul(c, perRow), e.rem(at, perRow)), chunk);
    Value inRange = chunks % e.threads() && i == held - 1
                        ? e.less(at, e.index(chunks))
                        : Value();
    spans.push_back(getSpan(e, shape, row, first, inRange));
    inRows.push_back(row);
    raws.push_back(load(e, shape, spans.back(), matrix, row));
  }
  emitTensorWide(e);
  Value largest;
  for (const Raw &raw : raws) {
    magnitudes.push_back(getMagnitude(e, rules.wide, raw));
    largest = largest ? e.max(largest, magnitudes.back()) : magnitudes.back();
  }
  Value factor = storeScale(e, shape, maxOverBlock(e, largest), matrix, r, c,
                            e.equal(e.thread(), e.index(0)));
  for (int64_t i = 0; i < held; ++i)
    store(e, shape, raws[i], factor, magnitudes[i], spans[i], matrix,
          inRows[i]);
}

void QuantizeBuilder::emitLongBlock(KernelBody &e, const TensorShape &shape) {
  Value cols = shape.storedScaleCols(e), rows = shape.storedScaleRows(e);
  Value item = getBlock(e), zero = e.index(0);
  Value r = e.div(item, cols), c = e.rem(item, cols), matrix = zero;
  if (getStatic(shape.batch) != 1) {
    matrix = e.div(r, rows);
    r = e.rem(r, rows);
  }
  // The last block of a row or column has the pads behind it as well; a pad of
  // the scales has nothing.
  auto getRange = [&](Value at, Value count, int64_t block, Value extent,
                      Value stored) {
    Value first = block ? e.mul(at, block) : zero;
    Value next = block ? e.add(first, block) : extent;
    Value isLast = e.lessEqual(count, e.add(at, 1));
    Value end = e.min(next, extent);
    return SmallVector<Value>{first, end, e.select(isLast, stored, end)};
  };
  SmallVector<Value> inRows = getRange(r, shape.scaleRows(e), shape.blockOuter,
                                       shape.outer, shape.storedOuter(e));
  SmallVector<Value> inCols =
      getRange(c, shape.scaleCols(e), shape.blockK, shape.k, shape.storedK(e));
  Value exists =
      e.both(e.less(r, shape.scaleRows(e)), e.less(c, shape.scaleCols(e)));
  auto loop = [&](Value rowEnd, Value colEnd, ValueRange carried,
                  llvm::function_ref<SmallVector<Value>(Value, const Span &,
                                                        ValueRange)>
                      body) {
    Value perRow = e.ceilDiv(e.sub(colEnd, inCols[0]), e.index(chunk));
    Value count = e.mul(e.sub(rowEnd, inRows[0]), perRow);
    count = e.select(exists, count, zero);
    return e.loop(e.thread(), count, e.index(e.threads()), carried,
                  [&](Emitter &, Value at, ValueRange values) {
                    Value row = e.add(inRows[0], e.div(at, perRow));
                    Value first =
                        e.add(inCols[0], e.mul(e.rem(at, perRow), chunk));
                    Span span = getSpan(e, first, inCols[1], inCols[2]);
                    span.real = e.less(row, inRows[1]);
                    span.stored = e.less(row, inRows[2]);
                    return body(row, span, values);
                  });
  };
  emitTensorWide(e);
  Value largest =
      loop(inRows[1], inCols[1], ValueRange(e.i32(0)),
           [&](Value row, const Span &span,
               ValueRange values) -> SmallVector<Value> {
             Raw raw = load(e, shape, span, matrix, row);
             return {e.max(values[0], getMagnitude(e, rules.wide, raw))};
           })[0];
  Value factor = storeScale(e, shape, maxOverBlock(e, largest), matrix, r, c,
                            e.equal(e.thread(), zero));
  loop(inRows[2], inCols[2], {},
       [&](Value row, const Span &span, ValueRange) -> SmallVector<Value> {
         Raw raw = load(e, shape, span, matrix, row);
         store(e, shape, raw, factor, getMagnitude(e, rules.wide, raw), span,
               matrix, row);
         return {};
       });
}

void mlir::qmm::buildQuantize(Emitter &caller, KernelLibrary &library,
                              PhysQuantizeOp op) {
  QuantizeBuilder(caller, library, op).run();
}
