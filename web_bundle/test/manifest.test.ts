import { expect, test } from 'vitest';
import { artifactDigest, type Manifest, modelFile, parseManifest } from '../src/manifest.js';
import { MANIFEST_TEXT } from './fixture.js';

function edited(edit: (manifest: Manifest) => unknown): string {
  const manifest = JSON.parse(MANIFEST_TEXT);
  edit(manifest);
  return JSON.stringify(manifest);
}

test('a manifest that Python wrote has the digest that Python gave it', () => {
  const manifest = parseManifest(MANIFEST_TEXT);
  expect(artifactDigest(manifest)).toBe(manifest.digest);
  expect(modelFile(manifest).bytes).toBe(5122);
});

test.each([
  ['the threshold', edited((m) => Object.assign(m.decision, { threshold: 0.01 }))],
  ['the labels', edited((m) => m.labels.reverse())],
  ['the model’s digest', edited((m) => Object.assign(modelFile(m), { sha256: '0'.repeat(64) }))],
  ['a field more', edited((m) => Object.assign(m.input, { trusted: true }))],
])('an edited contract is refused: %s', (_, text) => {
  expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'digest_mismatch' }));
});

test('evidence and routing are not part of the identity', () => {
  const text = edited((m) => Object.assign(m.routing, { preferred_backend: 'local' }));
  expect(parseManifest(text).routing.preferred_backend).toBe('local');
});

test('a model that is not evaluated has no quality', () => {
  expect(parseManifest(edited((m) => Object.assign(m, { quality: null }))).quality).toBeNull();
});

test('the caller may ask for one artifact and no other', () => {
  const { digest } = parseManifest(MANIFEST_TEXT);
  expect(parseManifest(MANIFEST_TEXT, `sha256:${digest}`).digest).toBe(digest);
  expect(() => parseManifest(MANIFEST_TEXT, '0'.repeat(64))).toThrow(
    expect.objectContaining({ code: 'digest_mismatch' }),
  );
});

test.each([
  ['no JSON', '<!doctype html>'],
  ['a list', '[]'],
  ['another schema', edited((m) => Object.assign(m, { schema_version: 2 }))],
  ['an unknown kind of input', edited((m) => Object.assign(m.input, { kind: 'image' }))],
  ['a path that climbs', edited((m) => Object.assign(modelFile(m), { path: '../model.onnx' }))],
  ['no model file', edited((m) => Object.assign(modelFile(m), { path: 'other.onnx' }))],
  ['a file listed twice', edited((m) => m.files.push(modelFile(m)))],
  ['a digest that is none', edited((m) => Object.assign(modelFile(m), { sha256: 'abc' }))],
  ['quality without rates', edited((m) => Object.assign(m, { quality: {} }))],
  ['a threshold above 1', edited((m) => Object.assign(m.decision, { threshold: 2 }))],
])('refused as bad_manifest: %s', (_, text) => {
  expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'bad_manifest' }));
});
