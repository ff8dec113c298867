import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { compactModule, tableIn } from '../build/norm1_table.mjs';
import { NORM1_TABLE } from '../src/generated/norm1_table.js';
import { norm1 } from '../src/norm1.js';

test.each([
  ['NUL becomes a space', 'a\0b', 'a b'],
  ['a lone high surrogate becomes U+FFFD', 'a\ud800b', 'a\ufffdb'],
  ['a lone low surrogate becomes U+FFFD', '\udc00', '\ufffd'],
  ['a surrogate pair stays', '\u{1f600}', '\u{1f600}'],
  ['what Unicode 14 leaves unassigned becomes U+FFFD', '\u0378 \u{1fae8}', '\ufffd \ufffd'],
  ['NFKC', 'ﬁ Ⅳ ²', 'fi iv 2'],
  ['invisible code points are dropped', 'in\u00advis\u200bi\u2060b\ufeffle', 'invisible'],
  ['the joiners of emoji are kept', '👩\u200d💻', '👩\u200d💻'],
  ['lower case, code point by code point', 'ΑΣ ÀÉ', 'ας'.replace('ς', 'σ').concat(' àé')],
  ['U+0130 has a lower case of two', 'İ', 'i\u0307'],
  ['lower case beyond the basic plane', '\u{10400}', '\u{10428}'],
  ['NFC after lower-casing', 'H\u0331\u0130', '\u1e96i\u0307'],
  ['runs of white space, of every kind', 'a \t\r\n\u000b\u001c\u0085\u2028\u3000 b', 'a b'],
  ['ends are cut', '\u00a0 a \n', 'a'],
  ['nothing but space', ' \0\u2003\n', ''],
  ['nothing', '', ''],
])('%s', (_, text, normal) => {
  expect(norm1(text)).toBe(normal);
  expect(norm1(normal)).toBe(normal);
});

test('ASCII goes the short way to the same form', () => {
  expect(norm1(' A  Plain\tSentence,\nover two lines. ')).toBe('a plain sentence, over two lines.');
  expect(norm1('one two')).toBe('one two');
  expect(norm1('x\x1fy')).toBe('x y');
});

test('a frozen table: what is younger than Unicode 14 does not get in', () => {
  expect(NORM1_TABLE.unicode).toBe('14.0.0');
});

test('the compact table that ships is the generated one', async () => {
  const path = new URL('../src/generated/norm1_table.ts', import.meta.url);
  const module = compactModule(tableIn(await readFile(path, 'utf8')));
  const shipped = await import(`data:text/javascript,${encodeURIComponent(module)}`);
  expect(shipped.NORM1_TABLE).toEqual(NORM1_TABLE);
});
