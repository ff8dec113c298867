import type { Detection } from './detection.js';

/** An answer in a word or two. */
export function decisionOf({ prediction, metadata }: Detection): string {
  if (metadata.warnings.includes('too_short')) return 'Too short to judge';
  if (metadata.warnings.includes('uncertain')) return 'Uncertain';
  return prediction === 1 ? 'Likely AI-written' : 'Likely human-written';
}

/** 0.8731 → "87.3%". Never "100%" or "0%": the model is never certain. */
export function percent(probability: number): string {
  if (probability > 0.999) return '>99.9%';
  if (probability < 0.001) return '<0.1%';
  return `${(100 * probability).toFixed(1)}%`;
}
