import { expect, test } from 'vitest';
import { failureOf } from '../src/page/key.js';

test.each([
  [401, false, null, 'The server asks for a key'],
  [401, true, null, 'The server does not take this key'],
  [403, true, null, 'This key does not open it'],
  [429, true, null, 'The server takes more texts later.'],
  [429, true, 12, 'The server takes more texts in 12 s.'],
  [429, true, 1801, 'The server takes more texts in 31 min.'],
])(
  'a refusal with status %i (with a key: %s) is said in words',
  (status, hasKey, retryAfter, said) => {
    const { title, advice } = failureOf({ status, retryAfter }, hasKey) ?? {
      title: '',
      advice: '',
    };
    expect([title, advice]).toContain(said);
  },
);

test('other refusals have no words of their own', () => {
  expect(failureOf({ status: 503, retryAfter: 5 }, true)).toBeUndefined();
});
