import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { digestOf, requireDigest, sha256 } from '../src/digest.js';

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_003])('sha256 of %i bytes', (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test('sha256 of a part of a buffer', () => {
  const bytes = new TextEncoder().encode('xxabc').subarray(2);
  expect(sha256(bytes)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('native code gives the same sha256', async () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
  expect(await digestOf(bytes)).toBe(sha256(bytes));
});

test('a digest that differs is refused, with both named', () => {
  expect(() => requireDigest('model.onnx', 'aa', 'aa')).not.toThrow();
  expect(() => requireDigest('model.onnx', 'aa', 'bb')).toThrow(/model\.onnx.*bb.*aa/);
});
