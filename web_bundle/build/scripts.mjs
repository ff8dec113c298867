import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { compactNorm1Table } from './norm1_table.mjs';
import { wasmDefinition } from './wasm.mjs';

/** What the library leaves to the one who installs it. */
const RUNTIMES = ['onnxruntime-web', 'onnxruntime-node'];

/** Loaded only for artifacts that read tokens; no other script holds any of it. */
const TOKENS = { source: 'src/tokens.ts', script: './tokens.js' };

/** What bundlers must not follow, and the comments that tell them so, which esbuild drops. */
const LEFT_TO_BROWSER = [
  ['import(', '/*webpackIgnore:true*//*@vite-ignore*/', `new URL("${TOKENS.script}"`],
  // Where onnxruntime would find itself: it is inside the worker.
  ['(', '/*webpackIgnore:true*/', '"ort.wasm.bundle.min.mjs"'],
];

const COMMON = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'linked',
  logLevel: 'warning',
  plugins: [compactNorm1Table],
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
      entryPoints: ['src/index.ts', 'src/worker.ts', TOKENS.source],
    }).then(() => markForBundlers(join(outdir, 'worker.js'))),
    build({
      ...COMMON,
      define,
      absWorkingDir: root,
      outdir,
      entryPoints: ['src/node.ts'],
      platform: 'node',
      external: [...RUNTIMES, TOKENS.script],
    }),
    declarations(root, outdir),
  ]);
}

/** The library for whoever imports it from a static folder. */
export async function buildStaticLibrary(root, outdir) {
  const entryPoints = { detector: 'src/index.ts', worker: 'src/worker.ts', tokens: TOKENS.source };
  await buildPart(root, { outdir, entryPoints });
}

/** The page's scripts; what the first answer does not need is in scripts of its own. */
export async function buildPageScripts(root, outdir) {
  const entryPoints = {
    app: 'src/page/main.ts',
    batch: 'src/page/batch/view.ts',
    compare: 'src/page/compare/view.ts',
    server: 'src/page/server.ts',
    worker: 'src/worker.ts',
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
  for (const [before, marks, after] of LEFT_TO_BROWSER) {
    if (!source.includes(before + after))
      throw new Error(`${path}: ${before}${after} is not there`);
    source = source.replaceAll(before + after, before + marks + after);
  }
  await writeFile(path, source);
}

async function declarations(root, outdir) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const project = join(root, 'tsconfig.declarations.json');
  await promisify(execFile)(tsc, ['--project', project, '--outDir', outdir]);
}
