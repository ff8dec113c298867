import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { writeDeclarations } from './declarations.mjs';
import { compactNorm1Table } from './norm1_table.mjs';
import { smallOnnxruntime } from './onnxruntime.mjs';
import { wasmDefinition } from './wasm.mjs';

/** What package.json exports. */
const ENTRIES = ['index', 'ai_text_check', 'node', 'norm1', 'worker'];

/** Left to the one who installs it. */
const RUNTIMES = ['onnxruntime-node'];

/** Loaded only for artifacts that read tokens; no other script holds any of it. */
const TOKENS = { source: 'src/tokens.ts', script: './tokens.js' };

/** Loaded only where a detector is to run in the page's own thread. */
const MAIN_THREAD = { source: 'src/main_thread.ts', script: './main_thread.js' };

/** Loaded only where a graph is to run on the graphics card. */
const WEBGPU = { source: 'src/webgpu.ts', script: './webgpu.js' };

/** Bundlers must not follow the imports of these: the comment tells them so, which esbuild drops. */
const LEFT_TO_BROWSER = [TOKENS.script, WEBGPU.script];

const COMMON = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'linked',
  logLevel: 'warning',
  footer: { js: 'export {};' }, // even a script that exports nothing is a module
  plugins: [compactNorm1Table, smallOnnxruntime],
  external: [MAIN_THREAD.script],
};

/** The library: browser entry, worker, Node entry, declarations. */
export async function buildLibrary(root, outdir) {
  const define = await wasmDefinition();
  await Promise.all([
    build({
      ...COMMON,
      define,
      absWorkingDir: root,
      outdir,
      entryPoints: [
        'src/index.ts',
        'src/ai_text_check.ts',
        'src/norm1.ts',
        'src/worker.ts',
        MAIN_THREAD.source,
        TOKENS.source,
        WEBGPU.source,
      ],
      external: [...COMMON.external, './index.js'],
    }).then(() =>
      Promise.all(
        ['worker.js', MAIN_THREAD.script].map((name) => markForBundlers(join(outdir, name))),
      ),
    ),
    build({
      ...COMMON,
      define,
      absWorkingDir: root,
      outdir,
      entryPoints: ['src/node.ts', 'src/node_worker.ts'],
      platform: 'node',
      external: [...RUNTIMES, TOKENS.script],
    }),
    writeDeclarations(root, outdir, ENTRIES),
  ]);
}

/** The library for whoever imports it from a static folder. */
export async function buildStaticLibrary(root, outdir) {
  const entryPoints = {
    detector: 'src/index.ts',
    worker: 'src/worker.ts',
    main_thread: MAIN_THREAD.source,
    tokens: TOKENS.source,
  };
  await buildPart(root, { outdir, entryPoints });
}

/** The page's scripts; what the first answer does not need is in scripts of its own. */
export async function buildPageScripts(root, outdir) {
  const entryPoints = {
    app: 'src/page/main.ts',
    batch: 'src/page/batch/view.ts',
    compare: 'src/page/compare/view.ts',
    key: 'src/page/key.ts',
    server: 'src/page/server.ts',
    worker: 'src/worker.ts',
    main_thread: MAIN_THREAD.source,
    tokens: TOKENS.source,
  };
  await buildPart(root, { outdir, entryPoints });
}

/** The script that keeps `files`, pairs of path and integrity, as this version. */
export async function buildServiceWorker(root, outdir, files, version) {
  const entryPoints = { service_worker: 'src/page/service_worker.ts' };
  const define = { __PRECACHE__: JSON.stringify(files), __VERSION__: JSON.stringify(version) };
  const classic = { format: 'iife', footer: {} };
  await build({ ...COMMON, ...classic, define, absWorkingDir: root, outdir, entryPoints });
}

/** A script with all that it imports, as text that may stand in a page. */
export async function bundledText(root, entryPoint) {
  const { outputFiles } = await build({
    ...COMMON,
    define: await wasmDefinition(),
    absWorkingDir: root,
    entryPoints: [entryPoint],
    legalComments: 'inline',
    write: false,
  });
  return outputFiles[0].text.replaceAll('</script', '<\\/script');
}

async function buildPart(root, options) {
  await build({ ...COMMON, define: await wasmDefinition(), absWorkingDir: root, ...options });
}

/** Vite and webpack still copy what `new URL` names. */
async function markForBundlers(path) {
  let source = await readFile(path, 'utf8');
  for (const script of LEFT_TO_BROWSER) {
    const expression = `new URL("${script}"`;
    if (!source.includes(`import(${expression}`))
      throw new Error(`${path} does not import ${script}`);
    source = source.replace(
      `import(${expression}`,
      `import(/*webpackIgnore:true*//*@vite-ignore*/${expression}`,
    );
  }
  await writeFile(path, source);
}
