import { expect, test } from 'vitest';
import { NORMALIZERS } from '../src/normalizers.js';
import { tokenizerOf } from '../src/tokenizer.js';

/** Token ids by a tokenizer.json of these parts. */
function idsOf(parts: object, model: object): (text: string) => number[] {
  const json = { added_tokens: [], normalizer: null, pre_tokenizer: null, decoder: null, ...parts };
  return tokenizerOf(new TextEncoder().encode(JSON.stringify({ ...json, model }))).ids;
}

/** Splits into single known characters, after whatever `parts` do. */
function charactersOf(
  alphabet: string,
  parts: object,
  model: object = {},
): (text: string) => string {
  const vocab = Object.fromEntries([...alphabet].map((char, i) => [char, i]));
  const ids = idsOf(parts, { type: 'BPE', vocab, merges: [], ...model });
  return (text) =>
    ids(text)
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

test('ByteLevel as in Python: U+FEFF is no white space', () => {
  const vocab = { Ċ: 0, ï: 1, '»': 2, '¿': 3, ĊĊ: 4 };
  const words = { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true } };
  const ids = idsOf(words, { type: 'BPE', vocab, merges: [['Ċ', 'Ċ']] });
  expect(ids('\n\n')).toEqual([4]);
  expect(ids('\n\n\ufeff')).toEqual([0, 0, 1, 2, 3]);
});

test('ByteLevel as in Python: a space may be put before the first word, and nowhere else', () => {
  const words = { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, use_regex: true } };
  const bytes = charactersOf('Ġabð', words);
  expect(bytes('ab')).toBe('Ġab');
  expect(bytes(' ab a')).toBe('ĠabĠa');
  expect(bytes('\u{1f642}\u{1f642}a')).toBe('Ġðða');
});

test.each([
  ['Isolated', false, '1\u{11de0}'],
  ['Removed', true, '1'],
])('Split as in Python: \\p{N} of its Unicode tables, %s', (behavior, invert, expected) => {
  const pre_tokenizer = { type: 'Split', pattern: { Regex: '\\p{N}+' }, behavior, invert };
  const merges = [['1', '\u{11de0}']];
  const characters = charactersOf(
    '1\u{11de0}M',
    { pre_tokenizer },
    {
      vocab: { 1: 0, '\u{11de0}': 1, '1\u{11de0}': 2 },
      merges,
    },
  );
  expect(characters('1\u{11de0}')).toBe(expected);
});

const split = (Regex: string, behavior: string) => ({
  pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior, invert: false },
});

test.each<[string, object, object]>([
  ['a normalizer', { normalizer: { type: 'Nmt' } }, {}],
  ['one in a sequence', { normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } }, {}],
  ['a pre-tokenizer', { pre_tokenizer: { type: 'Whitespace' } }, {}],
  ['a behaviour of Split', split('a', 'MergedWithNext'), {}],
  ['a class in a pattern of Split', split('\\p{Lu}', 'Isolated'), {}],
  ['a token that must stand alone', { added_tokens: [{ content: 'a', single_word: true }] }, {}],
  ['a model', {}, { type: 'Unigram' }],
  ['an option of BPE', {}, { byte_fallback: true }],
])('refuses what may give other tokens than in Python: %s', (_, parts, model) => {
  expect(() => charactersOf('a', parts, model)).toThrow(/tokenizer\.json: .* run .* on a server/);
});

test('identity: only what no runtime could carry is replaced', () => {
  expect(NORMALIZERS.identity('A\0B \ud800\u{1f600}  ﬁ')).toBe('A B \ufffd\u{1f600}  ﬁ');
});
