import { expect, test } from 'vitest';
import { cautions } from '../src/cautions.js';
import type { Decision } from '../src/generated/manifest.js';
import { thresholdOf } from '../src/threshold.js';

const DECISION: Decision = {
  threshold: 0.8,
  target_fpr: 0.01,
  calibration: 'platt',
  operating_points: [
    { max_false_positive_rate: 0.005, threshold: 0.9 },
    { max_false_positive_rate: 0.05, threshold: 0.6 },
  ],
  uncertain_from: 0.4,
  min_words: 3,
};

test.each([
  ['a b', 0.1, ['too_short']],
  ['a b', 0.5, ['too_short', 'uncertain']],
  ['a b c', 0.39, []],
  ['a\u3000b\u2028c', 0.4, ['uncertain']],
  ['a b c', 0.8, []],
])('%j at %f: %j', (text, probability, told) => {
  expect(cautions(text, probability, DECISION.threshold, DECISION)).toEqual(told);
});

test('what nobody has measured is not warned of', () => {
  const bare = { threshold: 0.8, target_fpr: null, calibration: 'none' };
  expect(cautions('', 0.79, 0.8, bare)).toEqual([]);
});

test.each([
  [{}, 0.8],
  [{ threshold: 0.3 }, 0.3],
  [{ maxFalsePositiveRate: 0.005 }, 0.9],
  [{ maxFalsePositiveRate: 0.02 }, 0.8],
  [{ maxFalsePositiveRate: 1 }, 0.6],
])('%j decides at %f', (options, threshold) => {
  expect(thresholdOf(DECISION, options)).toBe(threshold);
});

test('a rate that nobody measured is refused, and those that were are named', () => {
  const wished = () => thresholdOf(DECISION, { maxFalsePositiveRate: 0.001 });
  expect(wished).toThrow(expect.objectContaining({ code: 'unmeasured_rate' }));
  expect(wished).toThrow('measured: 0.005, 0.05, 0.01');
});

test.each([
  { threshold: 2 },
  { threshold: Number.NaN },
  { maxFalsePositiveRate: -1 },
  { threshold: 0.5, maxFalsePositiveRate: 0.5 },
])('%j is refused', (options) => {
  expect(() => thresholdOf(DECISION, options)).toThrow(RangeError);
});
