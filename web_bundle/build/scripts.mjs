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
    }).then(() => leaveImportToBrowser(join(outdir, 'worker.js'))),
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

/** The page's scripts, and the library beside them for whoever imports it from there. */
export async function buildPageScripts(root, outdir) {
  const entryPoints = {
    app: 'src/page/main.ts',
    detector: 'src/index.ts',
    worker: 'src/worker.ts',
    tokens: TOKENS.source,
  };
  await build({
    ...COMMON,
    define: await wasmDefinition(),
    absWorkingDir: root,
    outdir,
    entryPoints,
  });
}

/** Tells webpack and Vite to copy tokens.js and not to follow the import; esbuild drops comments. */
async function leaveImportToBrowser(path) {
  const source = await readFile(path, 'utf8');
  const [before, after, ...more] = source.split('import(new URL(');
  if (after === undefined || more.length > 0) throw new Error(`${path}: one import was expected`);
  const marks = '/*webpackIgnore:true*//*@vite-ignore*/';
  await writeFile(path, `${before}import(${marks}new URL(${after}`);
}

async function declarations(root, outdir) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const project = join(root, 'tsconfig.declarations.json');
  await promisify(execFile)(tsc, ['--project', project, '--outDir', outdir]);
}
