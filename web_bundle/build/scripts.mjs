import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { compactNorm1Table } from './norm1_table.mjs';
import { smallOnnxruntime } from './onnxruntime.mjs';
import { wasmDefinition } from './wasm.mjs';

/** What the library leaves to the one who installs it. */
const RUNTIMES = ['onnxruntime-web', 'onnxruntime-node'];

/** Loaded only for artifacts that read tokens; no other script holds any of it. */
const TOKENS = { source: 'src/tokens.ts', script: './tokens.js' };

/** Loaded only where a detector is to run in the page's own thread. */
const MAIN_THREAD = { source: 'src/main_thread.ts', script: './main_thread.js' };

/** What bundlers must not follow: the comment tells them so, which esbuild drops. */
const LEFT_TO_BROWSER = [
  'import(',
  '/*webpackIgnore:true*//*@vite-ignore*/',
  `new URL("${TOKENS.script}"`,
];

const COMMON = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'linked',
  logLevel: 'warning',
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
        'src/norm1.ts',
        'src/worker.ts',
        MAIN_THREAD.source,
        TOKENS.source,
      ],
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
    declarations(root, outdir),
  ]);
}

/** The page's scripts, and the library beside them for whoever imports it from there. */
export async function buildPageScripts(root, outdir) {
  const entryPoints = {
    app: 'src/page/main.ts',
    detector: 'src/index.ts',
    worker: 'src/worker.ts',
    main_thread: MAIN_THREAD.source,
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

/** Vite and webpack still copy what `new URL` names. */
async function markForBundlers(path) {
  const [before, marks, after] = LEFT_TO_BROWSER;
  const source = await readFile(path, 'utf8');
  if (!source.includes(before + after)) throw new Error(`${path}: ${before}${after} is not there`);
  await writeFile(path, source.replaceAll(before + after, before + marks + after));
}

async function declarations(root, outdir) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const project = join(root, 'tsconfig.declarations.json');
  await promisify(execFile)(tsc, ['--project', project, '--outDir', outdir]);
}
