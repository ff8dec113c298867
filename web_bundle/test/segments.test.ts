import { expect, test } from 'vitest';
import { countWords, segments } from '../src/segments.js';
import { detectorHere, FIXTURE } from './fixture.js';

const LONG = 'It was a bright cold day in April, and the clocks were striking thirteen, '.repeat(2);

test('sentences of enough characters are segments, short ones join', () => {
  const [one, two] = [`One ${LONG.trim()}.`, `Two ${LONG.trim()}!)`];
  expect(segments(` ${one}  ${two}\n`).map(({ text }) => text)).toEqual([one, two]);
  expect(segments(`Yes. ${one} No. ${two} End.`).map(({ text }) => text)).toEqual([
    `Yes. ${one}`,
    `No. ${two} End.`,
  ]);
});

test('positions count code points', () => {
  const text = `\u{1f600}\u{1f600} ${LONG.trim()}. \u{1f600}${LONG.trim()}.`;
  for (const { start, end, text: part } of segments(text)) {
    expect(Array.from(text).slice(start, end).join('')).toBe(part);
  }
});

test('words are runs of anything but white space', () => {
  expect(countWords(' a\u3000b-c\n\u2028d ')).toBe(3);
  expect(countWords('\x1c')).toBe(1);
});

test('each segment is judged as if it were all', async () => {
  const detector = await detectorHere({ folder: FIXTURE });
  const text = `One ${LONG.trim()}. Two ${LONG.trim()}.`;
  const [detection, short] = await detector.detect([text, 'short'], { explain: true });
  const found = detection?.metadata.segments ?? [];
  expect(found).toHaveLength(2);
  for (const { start, end, probability } of found) {
    expect((await detector.detect(text.slice(start, end))).probability).toBe(probability);
  }
  expect(short?.metadata.segments).toEqual([
    { start: 0, end: 5, probability: short?.probability, mean_log_probability: null },
  ]);
  expect((await detector.detect(text)).metadata.segments).toBeNull();
  await detector.dispose();
});
