import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompressSync, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function build(artifacts: string, out: string, ...more: string[]) {
  const args = ['build.mjs', '--artifacts', artifacts, '--out', out, ...more];
  return promisify(execFile)('node', args, { cwd: ROOT });
}

async function emptyFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'samegraph-'));
}

/** A store with the fixture's manifest and model under the given versions. */
async function storeOf(versions: readonly string[]): Promise<string> {
  const root = await emptyFolder();
  const fixture = join(ROOT, 'test/fixtures/fixture-tiny');
  for (const version of versions) {
    const folder = join(root, 'fixture-tiny', version);
    await mkdir(folder, { recursive: true });
    const manifest = JSON.parse(await readFile(join(fixture, 'manifest.json'), 'utf8'));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, version }));
    await writeFile(join(folder, 'model.onnx'), await readFile(join(fixture, 'model.onnx')));
  }
  return root;
}

test('takes the newest version by number, and lists it', async () => {
  const out = join(await emptyFolder(), 'dist');
  await build(await storeOf(['1.9.0', '1.10.0']), out);
  const index = JSON.parse(await readFile(join(out, 'static/models/index.json'), 'utf8'));
  expect(index.models).toMatchObject([
    { model_id: 'fixture-tiny', version: '1.10.0', manifest: 'fixture-tiny/1.10.0/manifest.json' },
  ]);
  expect(await readdir(join(out, 'static/models/fixture-tiny'))).toEqual(['1.10.0']);
});

test('a model may be named; its tokenizer goes with it', async () => {
  const store = await storeOf(['1.0.0']);
  const folder = join(store, 'fixture-tokens', '1.0.0');
  await cp(join(ROOT, 'test/fixtures/fixture-tokens'), folder, { recursive: true });
  const out = join(await emptyFolder(), 'dist');
  await build(store, out, '--models', 'fixture-tokens');
  const served = join(out, 'static/models/fixture-tokens/1.0.0');
  expect(await readdir(join(out, 'static/models'))).toEqual(['fixture-tokens', 'index.json']);
  expect(await readdir(served)).toEqual(['manifest.json', 'model.onnx', 'tokenizer.json']);
  const failure = await build(store, out, '--models', 'no-such').catch((error) => error);
  expect(failure.stderr).toMatch(/^web bundle: no artifact no-such in .*\n$/);
});

test('bundlers copy the script for tokens, and leave imports to the browser', async () => {
  const out = join(await emptyFolder(), 'dist');
  await build(await storeOf(['1.0.0']), out);
  const worker = await readFile(join(out, 'npm/worker.js'), 'utf8');
  const expression = 'new URL("./tokens.js",import.meta.url)';
  expect(worker).toContain(`import(/*webpackIgnore:true*//*@vite-ignore*/${expression}`);
  expect(worker).not.toContain('("ort.wasm.bundle.min.mjs"');
  expect(await readFile(join(out, 'npm/node.js'), 'utf8')).toContain('import("./tokens.js")');
});

test('a page needs no more than 30 KB of JavaScript for the library', async () => {
  const out = join(await emptyFolder(), 'dist');
  await build(await storeOf(['1.0.0']), out);
  let bytes = 0;
  for (const name of ['npm/index.js', 'npm/worker.js']) {
    bytes += brotliCompressSync(await readFile(join(out, name))).length;
  }
  expect(bytes).toBeLessThanOrEqual(30_000);
});

test('a failed build says why in one line and leaves the old one', async () => {
  const folder = await emptyFolder();
  const out = join(folder, 'dist');
  await mkdir(out);
  await writeFile(join(out, 'old'), 'stays');
  const failure = await build(join(folder, 'nothing'), out).catch((error) => error);
  expect(failure.stderr).toMatch(/^web bundle: no artifact .*make export.*\n$/);
  expect(await readdir(folder)).toEqual(['dist']);
  expect(await readFile(join(out, 'old'), 'utf8')).toBe('stays');
});

test('what is published has .br and .gz of the same bytes beside it, and leaves other files alone', async () => {
  const folder = await emptyFolder();
  await writeFile(join(folder, 'robots.txt'), 'stays');
  const args = ['publish.mjs', folder, '--artifacts', await storeOf(['1.0.0'])];
  await promisify(execFile)('node', args, { cwd: ROOT });
  for (const name of ['index.html', 'worker.js', 'models/fixture-tiny/1.0.0/model.onnx']) {
    const bytes = await readFile(join(folder, name));
    expect(brotliDecompressSync(await readFile(join(folder, `${name}.br`)))).toEqual(bytes);
    expect(gunzipSync(await readFile(join(folder, `${name}.gz`)))).toEqual(bytes);
  }
  expect(await readFile(join(folder, 'robots.txt'), 'utf8')).toBe('stays');
  // All the scripts that the page runs before its first answer.
  const page = (await readdir(folder)).find((name) => name.startsWith('page-')) ?? '';
  const scripts = ['app.js.br', 'worker.js.br'].map((name) => stat(join(folder, page, name)));
  const sizes = (await Promise.all(scripts)).map(({ size }) => size);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(30_000);
}, 120_000);

test('publishing a model that is not there says so in one line', async () => {
  const args = ['publish.mjs', await emptyFolder(), '--models', 'no-such'];
  const store = ['--artifacts', await storeOf(['1.0.0'])];
  const failure = await promisify(execFile)('node', [...args, ...store], { cwd: ROOT }).catch(
    (error) => error,
  );
  expect(failure.stderr).toMatch(/^web bundle: no artifact no-such in .*\n$/);
});

test('the same inputs give the same bytes', async () => {
  const store = await storeOf(['1.0.0']);
  const [first, second] = [join(await emptyFolder(), 'a'), join(await emptyFolder(), 'b')];
  await build(store, first);
  await build(store, second);
  const entries = await readdir(first, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(first, join(entry.parentPath, entry.name)));
  expect(files).toContain('static/service_worker.js');
  for (const file of files) {
    // Not toEqual, which goes through millions of bytes one by one.
    const same = (await readFile(join(first, file))).equals(await readFile(join(second, file)));
    expect(same, file).toBe(true);
  }
});
