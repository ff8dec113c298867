import { expect, test } from 'vitest';
import { stretches } from '../src/page/sentences.js';

const judged = (start: number, end: number, probability: number) => ({
  start,
  end,
  probability,
  mean_log_probability: null,
});

test('the stretches are the whole text, and places count code points', () => {
  const text = '  😀 One.\n\nTwo 𝒳.  ';
  const found = stretches(text, [judged(2, 8, 0.1), judged(10, 16, 0.9)]);
  expect(found).toEqual([
    { text: '  ', probability: null },
    { text: '😀 One.', probability: 0.1 },
    { text: '\n\n', probability: null },
    { text: 'Two 𝒳.', probability: 0.9 },
    { text: '  ', probability: null },
  ]);
  expect(found.map((stretch) => stretch.text).join('')).toBe(text);
});

test('a text without segments is one stretch', () => {
  expect(stretches('abc', [])).toEqual([{ text: 'abc', probability: null }]);
});
