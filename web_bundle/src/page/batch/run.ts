import type { Detection } from '../../detection.js';
import { asDetectorError, type DetectorError } from '../../errors.js';
import type { Judge } from '../judge.js';

/** Texts of one call: few, so that the bar moves and a stop is soon. */
const TOGETHER = 8;

/** What came of a text. */
export type Outcome =
  | { readonly kind: 'judged'; readonly detection: Detection }
  | { readonly kind: 'failed'; readonly error: DetectorError }
  | { readonly kind: 'empty' };

/**
 * Judges texts in order; `each` gets every outcome as it comes.
 *
 * @throws DetectorError `aborted` where the signal came first.
 */
export async function judgeAll(
  judge: Judge,
  texts: readonly string[],
  signal: AbortSignal,
  each: (outcome: Outcome, at: number) => void,
): Promise<void> {
  for (let start = 0; start < texts.length; start += TOGETHER) {
    const outcomes = await judgePart(judge, texts.slice(start, start + TOGETHER), signal);
    for (const [i, outcome] of outcomes.entries()) each(outcome, start + i);
  }
}

// A call fails as a whole: then each text is asked about alone, so that only its own fault stops it.
async function judgePart(
  judge: Judge,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const asked = texts.filter((text) => text.trim() !== '');
  const found = (await attempt(judge, asked, signal)) ?? (await oneByOne(judge, asked, signal));
  const rest = found.values();
  return texts.map((text) =>
    text.trim() === '' ? { kind: 'empty' } : (rest.next().value as Outcome),
  );
}

async function attempt(
  judge: Judge,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Outcome[] | undefined> {
  try {
    if (texts.length === 0) return [];
    const detections = await judge.detect(texts, { signal });
    return detections.map((detection) => ({ kind: 'judged', detection }));
  } catch (error) {
    if (signal.aborted) throw asDetectorError(error, 'aborted');
    return undefined;
  }
}

async function oneByOne(
  judge: Judge,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const text of texts) {
    try {
      outcomes.push({ kind: 'judged', detection: await judge.detect(text, { signal }) });
    } catch (error) {
      if (signal.aborted) throw asDetectorError(error, 'aborted');
      outcomes.push({ kind: 'failed', error: asDetectorError(error, 'runtime_failed') });
    }
  }
  return outcomes;
}
