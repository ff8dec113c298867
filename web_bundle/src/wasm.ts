/** onnxruntime-web's WebAssembly, shipped beside the scripts. */
export const WASM_FILE = 'ort-wasm-simd-threaded.wasm';

declare const __WASM_SHA256__: string;

/** Its sha256, of the pinned package at build time: what is loaded must equal it. */
export const WASM_SHA256: string = __WASM_SHA256__;
