import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** onnxruntime-web's own switches (its lib/build-def.d.ts): WebAssembly on one thread, nothing else. */
const SWITCHES = {
  DISABLE_WEBGL: true,
  DISABLE_JSEP: true,
  DISABLE_WEBGPU: true,
  DISABLE_WEBNN: true,
  DISABLE_WASM: false,
  DISABLE_WASM_PROXY: true,
  ENABLE_JSPI: false,
  ENABLE_BUNDLE_WASM_JS: true,
  IS_ESM: true,
};

/** Without `process`, no bundler takes the script for one of Node. */
const DEFINITION = {
  ...Object.fromEntries(
    Object.entries(SWITCHES).map(([name, value]) => [`BUILD_DEFS.${name}`, String(value)]),
  ),
  process: 'undefined',
  'globalThis.process': 'undefined',
};

/** In place of what looks for the script's own address, to import it again: nothing here needs it. */
const EMBEDDED = `
export const scriptSrc = undefined;
export const isEsmImportMetaUrlHardcodedAsFileUri = false;
export const inferWasmPathPrefixFromScriptSrc = () => undefined;
export const importProxyWorker = undefined;
export const importWasmModule = async () => [
  undefined,
  (await import('onnxruntime-web/ort-wasm-simd-threaded.mjs')).default,
];`;

/** Only images, textures and profiling need these. */
const UNUSED = /onnxruntime-common.dist.esm.(tensor-.*-impl|trace)\.js$/;

/** esbuild plugin: for `onnxruntime-web/wasm`, its package's sources without what this library never runs. Node has its own. */
export const smallOnnxruntime = {
  name: 'small-onnxruntime',
  setup(build) {
    if (build.initialOptions.platform === 'node') return;
    build.initialOptions.define = { ...build.initialOptions.define, ...DEFINITION };
    const wasm = createRequire(import.meta.url).resolve('onnxruntime-web/wasm');
    const sources = join(dirname(wasm), '..', 'lib');
    build.onResolve({ filter: /^onnxruntime-web\/wasm$/ }, () => ({
      path: join(import.meta.dirname, 'onnxruntime_wasm.js'),
    }));
    build.onResolve({ filter: /^onnxruntime-web\/lib\// }, ({ path }) => ({
      path: `${join(sources, '..', '..', path)}.ts`,
    }));
    build.onLoad({ filter: /wasm-utils-import\.ts$/ }, ({ path }) => ({
      contents: EMBEDDED,
      resolveDir: dirname(path),
    }));
    build.onLoad({ filter: UNUSED }, async ({ path }) => ({
      contents: emptied(await readFile(path, 'utf8')),
    }));
    build.onResolve({ filter: /^(node:.*|module|worker_threads)$/ }, ({ path }) => ({
      path,
      namespace: 'node',
    }));
    build.onLoad({ filter: /.*/, namespace: 'node' }, () => ({ contents: '' }));
  },
};

function emptied(source) {
  const names = Array.from(source.matchAll(/^export const (\w+)/gm), ([, name]) => name);
  return names.map((name) => `export const ${name} = () => undefined;`).join('\n');
}
