import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import type { RuntimeName } from '../src/node.js';
import { detectorHere, FIXTURE, goldenVectors } from './fixture.js';

const EXPORTED = fileURLToPath(
  new URL('../../registry/artifacts/lexical-tiny/1.1.0', import.meta.url),
);
const RUNTIMES: readonly RuntimeName[] = ['onnxruntime-web', 'onnxruntime-node'];

test.each(RUNTIMES)('%s gives the golden probabilities of the fixture', async (runtime) => {
  await expectGolden(FIXTURE, runtime);
});

test.skipIf(!existsSync(EXPORTED))('and those of the exported lexical-tiny', async () => {
  await expectGolden(EXPORTED, 'onnxruntime-web');
});

async function expectGolden(folder: string, runtime: RuntimeName): Promise<void> {
  const detector = await detectorHere({ folder, runtime });
  for (const { text, probability } of goldenVectors(folder)) {
    const detection = await detector.detect(text);
    expect(Math.abs(detection.probability - probability)).toBeLessThanOrEqual(1e-6);
  }
  await detector.dispose();
}

test('several texts give what each gives alone, in order', async () => {
  const detector = await detectorHere({ folder: FIXTURE });
  const texts = ['Hello world', '', 'a b c'];
  const together = await detector.detect(texts);
  const alone = await Promise.all(texts.map((text) => detector.detect(text)));
  expect(together.map((d) => d.probability)).toEqual(alone.map((d) => d.probability));
  expect(together[0]?.metadata.provider).toBe('wasm');
  await detector.dispose();
});

test('an aborted call and a disposed detector reject with code aborted', async () => {
  const detector = await detectorHere({
    manifestUrl: pathToFileURL(join(FIXTURE, 'manifest.json')),
  });
  const aborting = new AbortController();
  const call = detector.detect('Hello world', { signal: aborting.signal });
  aborting.abort();
  await expect(call).rejects.toMatchObject({ code: 'aborted' });
  await detector.dispose();
  await expect(detector.detect('Hello')).rejects.toMatchObject({ code: 'aborted' });
});

test('a flipped byte of the graph is refused', async () => {
  const folder = await copyOfFixture();
  const path = join(folder, 'model.onnx');
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await expect(detectorHere({ folder })).rejects.toMatchObject({ code: 'digest_mismatch' });
});

test('a missing folder is fetch_failed, and says which file', async () => {
  await expect(detectorHere({ folder: '/nowhere' })).rejects.toMatchObject({
    code: 'fetch_failed',
    message: expect.stringContaining('manifest.json'),
  });
});

test('bytes that are no graph are runtime_failed', async () => {
  const { Engine } = await import('../src/engine.js');
  const { parseManifest } = await import('../src/manifest.js');
  const manifest = parseManifest(await readFile(join(FIXTURE, 'manifest.json'), 'utf8'));
  const runtime = await import('onnxruntime-node');
  const loading = Engine.load(
    { runtime, provider: 'cpu' },
    { manifest, model: new Uint8Array(10), tokens: null },
  );
  await expect(loading).rejects.toMatchObject({ code: 'runtime_failed' });
});

async function copyOfFixture(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'samegraph-'));
  await cp(FIXTURE, folder, { recursive: true });
  return folder;
}
