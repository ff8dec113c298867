// Builds dist/npm (the library) and dist/static (the page, for any host and any sub-path).
// node build.mjs [--artifacts ../registry/artifacts] [--out dist] [--models id[,id]] [--server https://detector.example/]
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { browserArtifacts, copyArtifacts } from './build/artifacts.mjs';
import { writePage, writeServiceWorker } from './build/page.mjs';
import { sizeTable } from './build/report.mjs';
import { buildLibrary, buildStaticLibrary } from './build/scripts.mjs';
import { writeSingleFile } from './build/single_file.mjs';
import { WASM_FILE, WEBGPU_WASM_FILE, wasmPath } from './build/wasm.mjs';

const ROOT = import.meta.dirname;

function parsedOptions() {
  const { values } = parseArgs({
    options: {
      artifacts: { type: 'string', default: join(ROOT, '../registry/artifacts') },
      out: { type: 'string', default: join(ROOT, 'dist') },
      models: { type: 'string' },
      server: { type: 'string' },
    },
  });
  return {
    artifacts: resolve(values.artifacts),
    out: resolve(values.out),
    models: values.models?.split(','),
    server: values.server,
  };
}

async function buildInto(folder, artifacts, server) {
  const npm = join(folder, 'npm');
  const page = join(folder, 'static');
  await mkdir(npm);
  await mkdir(join(page, 'models'), { recursive: true });
  await Promise.all([
    buildLibrary(ROOT, npm),
    buildStaticLibrary(ROOT, page),
    writePage(ROOT, page, server),
    copyFile(wasmPath(), join(npm, WASM_FILE)),
    copyFile(wasmPath(WEBGPU_WASM_FILE), join(npm, WEBGPU_WASM_FILE)),
    copyFile(wasmPath(), join(page, WASM_FILE)),
    copyArtifacts(artifacts, join(page, 'models')),
  ]);
  await Promise.all([
    writeServiceWorker(ROOT, page, unusedScripts(artifacts)),
    writeSingleFile(ROOT, page),
  ]);
}

/** Scripts that only other models need, or browsers that start no worker. */
function unusedScripts(artifacts) {
  const readsTokens = artifacts.some(({ manifest }) => manifest.input.kind === 'tokens');
  return ['main_thread.js', ...(readsTokens ? [] : ['tokens.js'])];
}

/** Puts `fresh` in the place of `out`; whoever serves `out` sees the old or the new, whole. */
async function replace(out, fresh) {
  const old = `${fresh}-old`;
  await rename(out, old).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(fresh, out);
  await rm(old, { recursive: true, force: true });
}

async function main() {
  const started = performance.now();
  const options = parsedOptions();
  const artifacts = await browserArtifacts(options.artifacts, options.models);
  if (artifacts.length === 0) {
    throw new Error(`no artifact for browsers in ${options.artifacts}: run \`make export\``);
  }
  await mkdir(dirname(options.out), { recursive: true });
  const fresh = await mkdtemp(`${options.out}-`);
  try {
    await buildInto(fresh, artifacts, options.server);
    await chmod(fresh, 0o755);
    await replace(options.out, fresh);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  console.log(await sizeTable(options.out));
  console.log(`  built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

try {
  await main();
} catch (error) {
  console.error(`web bundle: ${error.message}`);
  process.exitCode = 1;
}
