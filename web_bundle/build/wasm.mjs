import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

export const WASM_FILE = 'ort-wasm-simd-threaded.wasm';

/** Where the pinned package keeps its WebAssembly. */
export function wasmPath() {
  return createRequire(import.meta.url).resolve(`onnxruntime-web/${WASM_FILE}`);
}

/** The constants that src/wasm.ts declares, for esbuild and vitest. */
export async function wasmDefinition() {
  const bytes = await readFile(wasmPath());
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { __WASM_SHA256__: JSON.stringify(digest), __WASM_BYTES__: String(bytes.length) };
}
