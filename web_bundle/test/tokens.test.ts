import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { artifactDigest, type Manifest } from '../src/manifest.js';
import { createTokenizer, DetectorError, type RuntimeName } from '../src/node.js';
import { detectorHere, FIXTURE, goldenVectors, TOKENS_FIXTURE } from './fixture.js';

const RUNTIMES: readonly RuntimeName[] = ['onnxruntime-web', 'onnxruntime-node'];
const VECTORS = goldenVectors(TOKENS_FIXTURE);

test('token ids are those that Python gave', async () => {
  const tokenize = await createTokenizer({ folder: TOKENS_FIXTURE });
  for (const { text, ids, windows } of VECTORS) {
    expect(tokenize(text).ids).toEqual(ids);
    expect(tokenize(text).windows).toHaveLength(windows ?? 0);
  }
});

test.each(RUNTIMES)('%s gives the golden probabilities, alone and together', async (runtime) => {
  const detector = await detectorHere({ folder: TOKENS_FIXTURE, runtime });
  const together = await detector.detect(VECTORS.map(({ text }) => text));
  for (const [i, { text, ids, windows, probability }] of VECTORS.entries()) {
    const alone = await detector.detect(text);
    expect(Math.abs(alone.probability - probability)).toBeLessThanOrEqual(1e-6);
    expect(Math.abs(alone.probability - (together[i]?.probability ?? -1))).toBeLessThanOrEqual(
      1e-6,
    );
    expect(alone.metadata).toMatchObject({ tokens: ids?.length, windows, truncated: false });
  }
  expect(await detector.detect([])).toEqual([]);
  await detector.dispose();
});

test('a long text is the mean logit of its windows, each weighted by its tokens', async () => {
  const detector = await detectorHere({ folder: TOKENS_FIXTURE });
  // Windows of 6 tokens every 4, the last one at the end: [0, 6), [1, 7).
  const probabilityOf = async (text: string) => (await detector.detect(text)).probability;
  const [first, last] = [await probabilityOf('a b c d e f'), await probabilityOf('b c d e f g')];
  const logit = (p: number) => Math.log(p / (1 - p));
  const expected = 1 / (1 + Math.exp(-(6 * logit(first) + 6 * logit(last)) / 12));
  const whole = await detector.detect('a b c d e f g');
  expect(whole.probability).toBeCloseTo(expected, 12);
  expect(whole.metadata).toMatchObject({ tokens: 7, windows: 2 });
  await detector.dispose();
});

test('a changed tokenizer is refused', async () => {
  const folder = await copied();
  const path = join(folder, 'tokenizer.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"wrote":9', '"wrote":8'));
  await expect(detectorHere({ folder })).rejects.toMatchObject({ code: 'digest_mismatch' });
});

test('an input without windows is a bad manifest', async () => {
  const folder = await copied((manifest) => Object.assign(manifest.input, { window: null }));
  const loading = detectorHere({ folder });
  await expect(loading).rejects.toMatchObject({ code: 'bad_manifest' });
  await expect(loading).rejects.toBeInstanceOf(DetectorError);
});

test('a model that reads several encodings of a text is refused', async () => {
  const folder = await copied((manifest) =>
    Object.assign(manifest.input, { companions: [{ name: 'other' }] }),
  );
  const loading = detectorHere({ folder });
  await expect(loading).rejects.toMatchObject({ code: 'unsupported_model' });
  await expect(loading).rejects.toThrow(/several encodings of a text .* on a server/);
});

test('an artifact that reads text has no tokenizer', async () => {
  const making = createTokenizer({ folder: FIXTURE });
  await expect(making).rejects.toMatchObject({ code: 'unsupported_model' });
});

/** A copy of the fixture, its manifest edited and given the digest that it then has. */
async function copied(edit: (manifest: Manifest) => unknown = () => undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'samegraph-'));
  await cp(TOKENS_FIXTURE, folder, { recursive: true });
  const path = join(folder, 'manifest.json');
  const manifest: Manifest = JSON.parse(await readFile(path, 'utf8'));
  edit(manifest);
  await writeFile(path, JSON.stringify({ ...manifest, digest: artifactDigest(manifest) }));
  return folder;
}
