import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** onnxruntime-web's WebAssembly for the processor. */
export const WASM_FILE = 'ort-wasm-simd-threaded.wasm';

/** The same with what speaks WebGPU. */
export const WEBGPU_WASM_FILE = 'ort-wasm-simd-threaded.jspi.wasm';

/** Where the pinned package keeps its WebAssembly. */
export function wasmPath(file = WASM_FILE) {
  return createRequire(import.meta.url).resolve(`onnxruntime-web/${file}`);
}

/** The constants that src/wasm.ts declares, for esbuild and vitest. */
export async function wasmDefinition() {
  return {
    __WASM__: await described(WASM_FILE),
    __WEBGPU_WASM__: await described(WEBGPU_WASM_FILE),
  };
}

async function described(file) {
  const content = await readFile(wasmPath(file));
  const sha256 = createHash('sha256').update(content).digest('hex');
  return JSON.stringify({ sha256, bytes: content.length });
}
