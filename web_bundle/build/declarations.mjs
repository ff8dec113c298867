import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The declarations that users of `entries` (names of scripts) can reach; tsc writes those of every file. */
export async function writeDeclarations(root, outdir, entries) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const project = join(root, 'tsconfig.declarations.json');
  await promisify(execFile)(tsc, ['--project', project, '--outDir', outdir]);
  const reached = new Set();
  for (const entry of entries) await reach(join(outdir, `${entry}.d.ts`), reached);
  for (const name of await readdir(outdir, { recursive: true })) {
    const path = join(outdir, name);
    if (name.endsWith('.d.ts') && !reached.has(path)) await rm(path);
  }
}

async function reach(path, reached) {
  if (reached.has(path)) return;
  reached.add(path);
  const source = await readFile(path, 'utf8');
  for (const [, name] of source.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)) {
    await reach(join(dirname(path), `${name}.d.ts`), reached);
  }
}
