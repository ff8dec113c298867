/** onnxruntime-web's WebAssembly, shipped beside the scripts. */
export const WASM_FILE = 'ort-wasm-simd-threaded.wasm';

declare const __WASM_SHA256__: string;
declare const __WASM_BYTES__: number;

/** Its sha256, of the pinned package at build time: what is loaded must equal it. */
export const WASM_SHA256: string = __WASM_SHA256__;

/** Its size. */
export const WASM_BYTES: number = __WASM_BYTES__;
