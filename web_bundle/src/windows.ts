import type { InputSpec, SpecialTokens, Window } from './generated/manifest.js';

/** Probabilities are clipped before their logit is taken: float32 cannot tell closer to 0 or 1. */
const CLIP = 1e-7;

/** What an artifact of kind tokens says about its windows. */
export type WindowSpec = InputSpec & {
  readonly window: Window;
  readonly special_tokens: SpecialTokens;
};

/** One window as the graph reads it, and how many of its ids are the text's own. */
export interface Encoding {
  readonly ids: readonly number[];
  readonly content: number;
}

/**
 * [start, end] of each window over `tokens` tokens; one window, maybe empty, at least.
 *
 * Windows start every `stride` tokens; the last one ends with the text, and is full.
 * Specification: docs/windows.md; the Python twin is registry/windows.py.
 */
export function windowBounds(tokens: number, window: Window): [start: number, end: number][] {
  if (tokens <= window.tokens) return [[0, tokens]];
  const last = tokens - window.tokens;
  const starts: number[] = [];
  for (let start = 0; start < last; start += window.stride) starts.push(start);
  return [...starts, last].map((start) => [start, start + window.tokens]);
}

/** The windows of a text's token ids (without special tokens), framed as `spec` says. */
export function encodings(ids: readonly number[], spec: WindowSpec): Encoding[] {
  const { prefix, suffix } = spec.special_tokens;
  return windowBounds(ids.length, spec.window).map(([start, end]) => ({
    ids: [...prefix, ...ids.slice(start, end), ...suffix],
    content: end - start,
  }));
}

/** One probability from those of the windows, each weighted by its number of tokens. */
export function pooled(
  probabilities: readonly number[],
  contents: readonly number[],
  window: Window,
): number {
  const [first] = probabilities;
  if (first === undefined) throw new RangeError('no window to pool');
  if (probabilities.length === 1) return first;
  switch (window.pooling) {
    case 'max_probability':
      return probabilities.reduce((a, b) => Math.max(a, b));
    case 'mean_probability':
      return mean(probabilities, contents);
    case 'mean_logit':
      return 1 / (1 + Math.exp(-mean(probabilities.map(logit), contents)));
    default:
      return window.pooling satisfies never;
  }
}

function logit(probability: number): number {
  const clipped = Math.min(Math.max(probability, CLIP), 1 - CLIP);
  return Math.log(clipped / (1 - clipped));
}

// Left to right, as in Python, so that both round alike.
function mean(values: readonly number[], weights: readonly number[]): number {
  const products = values.map((value, i) => value * (weights[i] ?? 0));
  return sum(products) / sum(weights);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
