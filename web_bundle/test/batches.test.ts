import { expect, test } from 'vitest';
import { batchOf, groups } from '../src/batches.js';

const windows = (...lengths: number[]) =>
  lengths.map((length) => ({ ids: Array.from({ length }, (_, i) => i + 5), content: length }));

test('windows of like length share a run', () => {
  expect(groups(windows(9, 1, 8, 2))).toEqual([[1, 3, 2, 0]]);
  expect(groups([])).toEqual([]);
});

test('a run holds at most 8 windows', () => {
  const sizes = groups(windows(...Array(19).fill(3))).map((group) => group.length);
  expect(sizes).toEqual([8, 8, 3]);
});

test('and 4096 tokens, padding included', () => {
  const lengths = [512, 1000, 2000, 2048, 2048, 5000];
  expect(groups(windows(...lengths))).toEqual([[0, 1], [2, 3], [4], [5]]);
});

test('shorter windows are filled with the pad id, which the mask leaves out', () => {
  expect(batchOf(windows(1, 3), 9)).toEqual({
    inputIds: BigInt64Array.of(5n, 9n, 9n, 5n, 6n, 7n),
    attentionMask: BigInt64Array.of(1n, 0n, 0n, 1n, 1n, 1n),
    shape: [2, 3],
  });
});
