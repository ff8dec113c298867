import { expect, test } from 'vitest';
import { NORMALIZERS } from '../src/normalizers.js';
import { tokenizerOf } from '../src/tokenizer.js';

/** Splits into single known characters, after whatever `steps` do. */
function charactersOf(
  alphabet: string,
  steps: object,
  model: object = {},
): (text: string) => string {
  const vocab = Object.fromEntries([...alphabet].map((char, i) => [char, i]));
  const json = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    decoder: null,
    model: { type: 'BPE', vocab, merges: [], ...model },
    ...steps,
  };
  const tokenize = tokenizerOf(new TextEncoder().encode(JSON.stringify(json)));
  return (text) =>
    tokenize(text)
      .map((id) => [...alphabet][id])
      .join('');
}

const BERT = {
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
};

test.each([
  ['a final sigma is a sigma', 'ΟΣ', 'οσ'],
  ['accents go', 'éÉ', 'ee'],
  ['control characters and U+FFFD go, white space becomes a space', 'a\u0007\ufffd\u00a0b', 'a b'],
  ['ideographs stand alone, beyond the basic plane too', '\u{20000}\u6771', ' \u{20000}  \u6771 '],
  ['what was no ideograph to the Python package stays as it is', '\u{2b820}', '\u{2b820}'],
  ['marks younger than the tables of the Python package stay', 'a\u1ac1', 'a\u1ac1'],
])('BertNormalizer as in Python: %s', (_, text, expected) => {
  const normal = charactersOf(' aboeσςο\u6771\u{20000}\u{2b820}\u1ac1', { normalizer: BERT });
  expect(normal(text)).toBe(expected);
});

test('BertPreTokenizer as in Python: punctuation of its Unicode tables stands alone', () => {
  const word = { type: 'WordPiece', unk_token: '?', continuing_subword_prefix: '##' };
  const split = charactersOf('?ab.\u2e43', { pre_tokenizer: { type: 'BertPreTokenizer' } }, word);
  expect(split('a.b \u2028a')).toBe('a.ba');
  expect(split('a\u2e43b')).toBe('?');
});

test('Digits as in Python: every script’s, and numbers that are none', () => {
  const merges = [
    ['a', '½'],
    ['1', '2'],
    ['١', '٢'],
  ];
  const digits = { pre_tokenizer: { type: 'Digits', individual_digits: true } };
  const merging = charactersOf('a½12١٢', digits, { merges });
  expect(merging('a½12١٢')).toBe('a½12١٢');
});

test('BPE as in Python: what has no token is dropped before merging', () => {
  const vocab = { a: 0, b: 1, ab: 2 };
  const merging = charactersOf('abM', {}, { vocab, merges: [['a', 'b']] });
  expect(merging('a?b')).toBe('M');
});

test('a step of an unknown kind is refused', () => {
  expect(() => charactersOf('a', { normalizer: { type: 'Nmt' } })).toThrow(/Nmt/);
});

test('identity: only what no runtime could carry is replaced', () => {
  expect(NORMALIZERS.identity('A\0B \ud800\u{1f600}  ﬁ')).toBe('A B \ufffd\u{1f600}  ﬁ');
});
