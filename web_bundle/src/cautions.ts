import type { Decision } from './generated/manifest.js';
import { countWords } from './segments.js';

/** Why an answer should not be relied on. */
export type Caution = 'too_short' | 'uncertain';

/**
 * What to be told with this probability of this text; `threshold` is the one that decides.
 *
 * The Python twin is registry/cautions.py.
 */
export function cautions(
  text: string,
  probability: number,
  threshold: number,
  decision: Decision,
): Caution[] {
  const { min_words: minWords, uncertain_from: lowest } = decision;
  const found: Caution[] = [];
  if (minWords != null && countWords(text) < minWords) found.push('too_short');
  if (lowest != null && lowest <= probability && probability < threshold) found.push('uncertain');
  return found;
}
