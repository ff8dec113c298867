import { defineConfig } from 'vitest/config';
import { wasmDefinition } from './build/wasm.mjs';

export default defineConfig(async () => ({
  define: await wasmDefinition(),
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000 },
}));
