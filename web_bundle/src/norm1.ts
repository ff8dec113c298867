import { NORM1_TABLE } from './generated/norm1_table.js';

const REPLACEMENT = '\ufffd';
const INVISIBLE = ['\u00ad', '\u200b', '\u2060', '\ufeff'];

const WHITE_SPACE = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;

const ASCII = /^[\0-\x7f]*$/;
const UNEVEN_SPACE = new RegExp(`(?! )[${WHITE_SPACE}]| {2}`);
const SPACE_RUN = new RegExp(`[${WHITE_SPACE}]+`, 'g');

const UNASSIGNED = classOf(NORM1_TABLE.unassigned.map(([first, last]) => span(first, last)));
const LOWER = lowerTable();
const LOWERABLE = classOf([...LOWER.keys()].map((char) => escaped(char.codePointAt(0) ?? 0)));

/**
 * The norm-1 form of `text`: well-formed, NFC, lower-case, single spaces, trimmed.
 *
 * Total and idempotent. Specification: docs/norm-1.md; the Python twin is registry/normalizer.py.
 */
export function norm1(text: string): string {
  const spaced = text.includes('\0') ? text.replaceAll('\0', ' ') : text;
  return singleSpaced(ASCII.test(spaced) ? spaced.toLowerCase() : lowerUnicode(spaced));
}

function lowerUnicode(text: string): string {
  return text
    .toWellFormed()
    .replace(UNASSIGNED, REPLACEMENT)
    .normalize('NFKC')
    .replace(LOWERABLE, (char) => LOWER.get(char) ?? char)
    .normalize('NFC');
}

function singleSpaced(text: string): string {
  const even = UNEVEN_SPACE.test(text) ? text.replace(SPACE_RUN, ' ') : text;
  const start = even.startsWith(' ') ? 1 : 0;
  const end = even.length > start && even.endsWith(' ') ? even.length - 1 : even.length;
  return even.slice(start, end);
}

function lowerTable(): ReadonlyMap<string, string> {
  const table = new Map(INVISIBLE.map((char) => [char, '']));
  for (const [first, last, step, delta] of NORM1_TABLE.lower) {
    for (let point = first; point <= last; point += step) {
      table.set(String.fromCodePoint(point), String.fromCodePoint(point + delta));
    }
  }
  for (const [point, lower] of Object.entries(NORM1_TABLE.lower_expansions)) {
    table.set(String.fromCodePoint(Number(point)), String.fromCodePoint(...lower));
  }
  return table;
}

function classOf(spans: readonly string[]): RegExp {
  return new RegExp(`[${spans.join('')}]`, 'gu');
}

function span(first: number, last: number): string {
  return `${escaped(first)}-${escaped(last)}`;
}

function escaped(point: number): string {
  return `\\u{${point.toString(16)}}`;
}
