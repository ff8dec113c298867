import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { compactNorm1Table } from './norm1_table.mjs';
import { wasmDefinition } from './wasm.mjs';

/** What the library leaves to the one who installs it. */
const RUNTIMES = ['onnxruntime-web', 'onnxruntime-node'];

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
      entryPoints: ['src/index.ts', 'src/worker.ts'],
    }),
    build({
      ...COMMON,
      define,
      absWorkingDir: root,
      outdir,
      entryPoints: ['src/node.ts'],
      platform: 'node',
      external: RUNTIMES,
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
  };
  await build({
    ...COMMON,
    define: await wasmDefinition(),
    absWorkingDir: root,
    outdir,
    entryPoints,
  });
}

async function declarations(root, outdir) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const project = join(root, 'tsconfig.declarations.json');
  await promisify(execFile)(tsc, ['--project', project, '--outDir', outdir]);
}
