/** A part of a text: `start` to `end` in code points. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Shorter ones say too little: the next sentence joins. */
const LEAST_CHARACTERS = 120;
const SPACE = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const CLOSERS = '"\'\\u201d\\u2019\\u00bb)\\]}';
const SENTENCE_END = new RegExp(
  `[.!?\\u2026]+[${CLOSERS}]*(?=[${SPACE}]|$)` +
    '|[\\u3002\\uff01\\uff1f]+[\\u300d\\u300f\\u201d\\u2019]*' +
    '|[\\n\\u2028\\u2029]+',
  'gu',
);
const CONTENT = new RegExp(`[^${SPACE}](?:.*[^${SPACE}])?`, 'su');
const WORD = new RegExp(`[^${SPACE}]+`, 'gu');

/**
 * The parts that are judged one by one, in order; everything but white space is in exactly one.
 *
 * Specification: docs/segments.md; the Python twin is registry/segments.py.
 */
export function segments(text: string): Segment[] {
  const found: Placed[] = [];
  for (const sentence of sentences(text)) {
    const last = found.at(-1);
    if (last !== undefined && isShort(last)) found[found.length - 1] = joined(text, last, sentence);
    else found.push(sentence);
  }
  const last = found.at(-1);
  const before = found.at(-2);
  if (last !== undefined && before !== undefined && isShort(last)) {
    found.splice(-2, 2, joined(text, before, last));
  }
  return found.map(({ text, start, end }) => ({ text, start, end }));
}

/** Runs of anything but white space. */
export function countWords(text: string): number {
  return text.match(WORD)?.length ?? 0;
}

/** A segment, with its place in UTF-16 units. */
interface Placed extends Segment {
  readonly from: number;
  readonly to: number;
}

function* sentences(text: string): Generator<Placed> {
  const ends = Array.from(text.matchAll(SENTENCE_END), (match) => match.index + match[0].length);
  let from = 0;
  let start = 0;
  for (const to of [...ends, text.length]) {
    const piece = text.slice(from, to);
    const content = CONTENT.exec(piece);
    if (content !== null) {
      const first = start + codePoints(piece.slice(0, content.index));
      const end = first + codePoints(content[0]);
      const at = from + content.index;
      yield { text: content[0], start: first, end, from: at, to: at + content[0].length };
    }
    start += codePoints(piece);
    from = to;
  }
}

function joined(text: string, first: Placed, second: Placed): Placed {
  const { start, from } = first;
  const { end, to } = second;
  return { text: text.slice(from, to), start, end, from, to };
}

function isShort({ start, end }: Segment): boolean {
  return end - start < LEAST_CHARACTERS;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
