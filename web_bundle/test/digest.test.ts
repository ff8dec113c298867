import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ArrivingDigest } from '../src/arriving_digest.js';
import { digestOf, requireDigest, Sha256Stream, sha256, sha256OfText } from '../src/digest.js';

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

test.each([1, 3, 63, 64, 65, 127, 1000])('sha256 of parts of %i bytes', (size) => {
  const bytes = Uint8Array.from({ length: 5003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const stream = new Sha256Stream();
  for (let at = 0; at < bytes.length; at += size) stream.update(bytes.subarray(at, at + size));
  expect(stream.hex()).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test('sha256 of parts of changing length, some of them empty', () => {
  const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff);
  const stream = new Sha256Stream();
  for (let at = 0, size = 0; at < bytes.length; at += size, size = (size + 37) % 150) {
    stream.update(bytes.subarray(at, at + size));
  }
  expect(stream.hex()).toBe(sha256(bytes));
});

// FIPS 180-4's examples, as NIST publishes them.
test.each([
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
])('the published sha256 of "%s"', (text, digest) => {
  expect(sha256OfText(text)).toBe(digest);
});

test.each([0, 50])(
  'a file’s digest is the same, however fast it comes (pause %i ms)',
  async (ms) => {
    const bytes = new Uint8Array(2_500_000).map((_, i) => i * 13);
    const digest = new ArrivingDigest();
    for (let at = 0; at < bytes.length; at += 500_000) {
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      digest.update(bytes.subarray(at, at + 500_000));
    }
    // What came slowly is hashed already: the whole is not looked at any more.
    const whole = ms > 0 ? new Uint8Array(0) : bytes;
    expect(await digest.of(whole)).toBe(createHash('sha256').update(bytes).digest('hex'));
  },
);
