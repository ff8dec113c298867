import type { Verifiable } from './download.js';

/** onnxruntime-web's WebAssembly, shipped beside the scripts. */
export const WASM_FILE = 'ort-wasm-simd-threaded.wasm';

declare const __WASM__: Verifiable;
declare const __WEBGPU_WASM__: Verifiable;

/** What it must be: that of the pinned package at build time. */
export const WASM: Verifiable = __WASM__;

/** The same of the one that speaks WebGPU. */
export const WEBGPU_WASM: Verifiable = __WEBGPU_WASM__;
