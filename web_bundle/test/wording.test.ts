import { expect, test } from 'vitest';
import type { Caution } from '../src/cautions.js';
import type { Detection } from '../src/detection.js';
import { parseManifest } from '../src/manifest.js';
import {
  decisionOf,
  fallbackOf,
  lengthAdvice,
  meaningOf,
  milliseconds,
  percent,
  promise,
  ranges,
  toneOf,
  toneOfProbability,
  wordCount,
} from '../src/page/wording.js';
import { MANIFEST_TEXT } from './fixture.js';

const ai = judged();

function judged(...warnings: Caution[]): Detection {
  return { prediction: 1, metadata: { warnings } } as unknown as Detection;
}

test.each([
  [0.8731, '87.3%'],
  [0.5, '50.0%'],
  [0.99999, '>99.9%'],
  [1, '>99.9%'],
  [0.0002, '<0.1%'],
])('%d is shown as %s, never as certainty', (probability, shown) => {
  expect(percent(probability)).toBe(shown);
});

test('a number of words is readable', () => {
  expect(wordCount(1)).toBe('1 word');
  expect(wordCount(1200)).toBe('1,200 words');
});

test('texts shorter than the model was tested on get a warning', () => {
  expect(lengthAdvice(0, 25)).toBe('');
  expect(lengthAdvice(24, 25)).toContain('below 25 words');
  expect(lengthAdvice(25, 25)).toBe('');
  expect(lengthAdvice(3, null)).toBe('');
});

test('a probability has the tone of the zone it is in', () => {
  const decision = { threshold: 0.9, uncertain_from: 0.4 };
  const tones = [0.39, 0.4, 0.89, 0.9].map((value) => toneOfProbability(value, decision));
  expect(tones).toEqual(['human', 'unsure', 'unsure', 'ai']);
  expect(toneOfProbability(0.89, { threshold: 0.9, uncertain_from: null })).toBe('human');
  expect(ranges(decision)).toEqual({
    human: 'below 40.0%',
    unsure: '40.0% to 90.0%',
    ai: 'from 90.0%',
  });
});

test('the header promises no more than the mode keeps', () => {
  expect(promise(false, 'only_client', 'x.example')).toContain('stays in this browser');
  for (const mode of ['only_client', 'prefer_client', 'prefer_server', 'only_server'] as const) {
    expect(promise(true, mode, 'x.example')).toContain('x.example');
  }
});

test('who failed before is said, what was never tried is not', () => {
  const fallbacks = [
    { backend: 'client_side', reason: 'fetch_failed: gone' },
    { backend: 'client_side', reason: 'caller_cannot_run_it' },
  ];
  const detection = { metadata: { fallbacks } } as unknown as Detection;
  expect(fallbackOf(detection)).toBe(
    'This browser was asked first and failed: fetch_failed: gone.',
  );
});

test('durations keep what is readable', () => {
  expect(milliseconds(0.84)).toBe('0.8 ms');
  expect(milliseconds(123.4)).toBe('123 ms');
});

test('a rate of error is said only where one was measured', () => {
  const manifest = parseManifest(MANIFEST_TEXT);
  expect(meaningOf(ai, manifest)).toMatch(/So did \S+% of the texts that people wrote/);
  expect(meaningOf(ai, { ...manifest, quality: null })).toContain('Nobody has measured');
});

test('a text that cannot be judged is not called human or AI', () => {
  const manifest = parseManifest(MANIFEST_TEXT);
  const measured = { ...manifest, decision: { ...manifest.decision, min_words: 40 } };
  expect(decisionOf(ai)).toBe('Likely AI-written');
  expect(decisionOf(judged('uncertain'))).toBe('Uncertain');
  expect([ai, judged('uncertain')].map(toneOf)).toEqual(['ai', 'unsure']);
  expect(decisionOf(judged('too_short', 'uncertain'))).toBe('Too short to judge');
  expect(meaningOf(judged('too_short'), measured)).toContain('fewer than 40 words');
  expect(meaningOf(judged('uncertain'), measured)).toContain('below the decision line of 62.0%');
});
