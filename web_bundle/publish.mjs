// Builds the page with the models of your choice into a folder that any host can serve, with .br and .gz beside each file.
// node publish.mjs DIR [--artifacts ../registry/artifacts] [--models id[,id]] [--server https://detector.example/]
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { compressAll } from './build/compressed.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    artifacts: { type: 'string' },
    models: { type: 'string' },
    server: { type: 'string' },
  },
});

async function publish(folder) {
  const work = await mkdtemp(join(tmpdir(), 'samegraph-'));
  const wishes = Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
  try {
    const out = join(work, 'dist');
    const build = [join(import.meta.dirname, 'build.mjs'), '--out', out, ...wishes];
    await promisify(execFile)(process.execPath, build);
    const page = join(out, 'static');
    await compressAll(page);
    await cp(page, folder, { recursive: true });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  console.log(`published to ${folder}`);
}

const [folder] = positionals;
if (folder === undefined) {
  console.error('publish: name the folder: node publish.mjs DIR');
  process.exitCode = 2;
} else {
  await publish(resolve(folder)).catch((error) => {
    console.error(error.stderr?.trimEnd() || `publish: ${error.message}`);
    process.exitCode = 1;
  });
}
