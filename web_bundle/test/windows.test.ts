import { expect, test } from 'vitest';
import type { Window } from '../src/generated/manifest.js';
import { encodings, pooled, type WindowSpec, windowBounds } from '../src/windows.js';

const WINDOW: Window = { tokens: 10, stride: 7, pooling: 'mean_logit' };
const SPEC: WindowSpec = {
  kind: 'tokens',
  normalizer: 'norm-1',
  max_tokens: 12,
  window: WINDOW,
  special_tokens: { prefix: [101], suffix: [102], pad: 0 },
};

test.each([
  [0, [[0, 0]]],
  [10, [[0, 10]]],
  [
    11,
    [
      [0, 10],
      [1, 11],
    ],
  ],
  [
    17,
    [
      [0, 10],
      [7, 17],
    ],
  ],
  [
    18,
    [
      [0, 10],
      [7, 17],
      [8, 18],
    ],
  ],
  [
    30,
    [
      [0, 10],
      [7, 17],
      [14, 24],
      [20, 30],
    ],
  ],
])('windows start every stride and the last ends with the text: %i tokens', (tokens, bounds) => {
  expect(windowBounds(tokens, WINDOW)).toEqual(bounds);
});

test('windows cover every token and never exceed their size', () => {
  for (let size = 1; size <= 12; size++) {
    for (let stride = 1; stride <= size; stride++) {
      for (let tokens = 0; tokens <= 60; tokens++) expectCovered(tokens, size, stride);
    }
  }
});

function expectCovered(tokens: number, size: number, stride: number): void {
  const bounds = windowBounds(tokens, { tokens: size, stride, pooling: 'mean_logit' });
  const covered = new Set(bounds.flatMap(([start, end]) => range(start, end)));
  expect([...covered].sort((a, b) => a - b)).toEqual(range(0, tokens));
  expect(bounds.every(([start, end]) => end - start <= size)).toBe(true);
}

test('each window is framed by special tokens', () => {
  expect(encodings(range(0, 11), SPEC)).toEqual([
    { ids: [101, ...range(0, 10), 102], content: 10 },
    { ids: [101, ...range(1, 11), 102], content: 10 },
  ]);
});

test('an empty text is one window of special tokens', () => {
  expect(encodings([], SPEC)).toEqual([{ ids: [101, 102], content: 0 }]);
});

test('one window is taken as it is', () => {
  expect(pooled([0], [0], WINDOW)).toBe(0);
});

test('pooling weighs windows by their tokens', () => {
  expect(pooled([0.9, 0.1], [3, 1], WINDOW)).toBeCloseTo(1 / (1 + Math.exp(-Math.log(9) / 2)), 12);
  expect(pooled([0.9, 0.1], [3, 1], { ...WINDOW, pooling: 'mean_probability' })).toBeCloseTo(
    0.7,
    12,
  );
  expect(pooled([0.9, 0.1], [3, 1], { ...WINDOW, pooling: 'max_probability' })).toBe(0.9);
});

test('certain windows do not break the logit', () => {
  expect(pooled([1, 0], [5, 5], WINDOW)).toBeCloseTo(0.5, 6);
});

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}
