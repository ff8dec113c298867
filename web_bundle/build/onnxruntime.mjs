import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** onnxruntime-web's own switches (its lib/build-def.d.ts): WebAssembly on one thread, nothing else. */
const SWITCHES = {
  'BUILD_DEFS.DISABLE_WEBGL': 'true',
  'BUILD_DEFS.DISABLE_JSEP': 'true',
  'BUILD_DEFS.DISABLE_WEBGPU': 'true',
  'BUILD_DEFS.DISABLE_WEBNN': 'true',
  'BUILD_DEFS.DISABLE_WASM': 'false',
  'BUILD_DEFS.DISABLE_WASM_PROXY': 'true',
  'BUILD_DEFS.ENABLE_JSPI': 'false',
  'BUILD_DEFS.ENABLE_BUNDLE_WASM_JS': 'true',
  'BUILD_DEFS.IS_ESM': 'true',
};

/** Without it, no bundler takes the script for one of Node, and Node keeps its own globals. */
const NO_PROCESS = { process: 'undefined', 'globalThis.process': 'undefined' };

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

/** Only images, textures, profiling and graphs by address need these. */
const UNUSED = /(tensor-[a-z-]+-impl|esm.trace|wasm-utils-load-file)\.[jt]s$/;

/** esbuild plugin: for `onnxruntime-web/wasm`, its package's sources without what this library never runs. */
export const smallOnnxruntime = {
  name: 'small-onnxruntime',
  setup(build) {
    build.initialOptions.define = { ...build.initialOptions.define, ...SWITCHES, ...NO_PROCESS };
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
    build.onLoad({ filter: /ort-wasm-simd-threaded\.mjs$/ }, async ({ path }) => ({
      contents: withoutThreads(await readFile(path, 'utf8')),
    }));
    build.onLoad({ filter: UNUSED }, async ({ path }) => ({
      contents: emptied(await readFile(path, 'utf8')),
    }));
    build.onResolve({ filter: /^(node:.*|module|worker_threads)$/ }, ({ path, importer }) =>
      importer.includes('onnxruntime') ? { path, namespace: 'node' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'node' }, () => ({ contents: '' }));
  },
};

/** Bundlers would follow these expressions, and build the script once more for threads that are never started. */
function withoutThreads(source) {
  const worker = /new Worker\(new URL\(import\.meta\.url\),\{[^}]*\}\)/g;
  const start = /var isPthread=.*;isPthread&&\w+\(\);/g;
  if (!worker.test(source) || !start.test(source))
    throw new Error('onnxruntime-web starts threads otherwise now');
  return source.replace(worker, 'undefined').replace(start, '');
}

function emptied(source) {
  const names = Array.from(source.matchAll(/^export const (\w+)/gm), ([, name]) => name);
  return names.map((name) => `export const ${name} = () => undefined;`).join('\n');
}
