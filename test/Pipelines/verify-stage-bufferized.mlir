// RUN: quant-opt %s --qmm-verify-stage=stage=bufferized --verify-diagnostics -o /dev/null

func.func @f(%x: memref<8xf32>) {
  // expected-error@+1 {{still yields a value of type 'tensor<8xf32>'}}
  %t = bufferization.to_tensor %x : memref<8xf32> to tensor<8xf32>
  return
}
