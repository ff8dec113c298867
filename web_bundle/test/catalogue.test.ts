import { expect, test } from 'vitest';
import { locate } from '../src/catalogue.js';
import { DetectorError } from '../src/errors.js';

const BASE = 'https://host.example/detector/';
const ENTRIES = [
  { model_id: 'first', version: '1.9.0', digest: 'd19', manifest: 'first/1.9.0/manifest.json' },
  { model_id: 'first', version: '1.10.0', digest: 'd110', manifest: 'first/1.10.0/manifest.json' },
  { model_id: 'other', version: '2.0.0', digest: 'd2', manifest: 'other/2.0.0/manifest.json' },
];

/** A host that has these texts and nothing else. */
function host(texts: Record<string, unknown>) {
  return async (url: string) => {
    const found = texts[url];
    if (found === undefined) throw new DetectorError('fetch_failed', `${url}: HTTP 404`);
    return typeof found === 'string' ? found : JSON.stringify(found);
  };
}

const folder = host({ [`${BASE}models/index.json`]: { models: ENTRIES } });
const server = host({ [`${BASE}models`]: { default_model: 'other', models: ENTRIES } });

function find(read: ReturnType<typeof host>, model: string | null) {
  return locate({ kind: 'catalogue', baseUrl: BASE, model }, read);
}

test.each([
  [null, 'd110'],
  ['first', 'd110'],
  ['first@1.9.0', 'd19'],
  ['other', 'd2'],
])('of a folder, %s is the newest version by number', async (model, digest) => {
  expect((await find(folder, model)).digest).toBe(digest);
});

test('files of a folder are beside the manifest', async () => {
  const place = await find(folder, 'other');
  expect(place.manifestUrl).toBe(`${BASE}models/other/2.0.0/manifest.json`);
  expect(place.file('model.onnx')).toBe(`${BASE}models/other/2.0.0/model.onnx`);
});

test('of a server, the default model is taken, and files are asked for by name', async () => {
  const place = await find(server, null);
  expect(place.manifestUrl).toBe(`${BASE}models/other%402.0.0`);
  expect(place.file('model.onnx')).toBe(`${BASE}models/other%402.0.0/download?file=model.onnx`);
});

test('a model that nobody lists is told with those that are', async () => {
  await expect(find(folder, 'none')).rejects.toMatchObject({
    code: 'bad_manifest',
    message: expect.stringContaining('first, other'),
  });
});

test.each(['<!doctype html>', '[]', '{"models": 3}'])('%s is no catalogue', async (text) => {
  const read = host({ [`${BASE}models/index.json`]: text });
  await expect(find(read, null)).rejects.toMatchObject({ code: 'bad_manifest' });
});

test('a host with neither is fetch_failed', async () => {
  await expect(find(host({}), null)).rejects.toMatchObject({ code: 'fetch_failed' });
});
