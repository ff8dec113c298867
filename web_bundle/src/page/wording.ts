import type { Detection } from '../detection.js';
import type { ErrorCode } from '../errors.js';
import type { Manifest } from '../manifest.js';

/** Below this many words the page warns that the number says little. */
const ENOUGH_WORDS = 50;

const LOAD_AGAIN = 'Load again in a moment. If it stays, tell whoever runs this page.';

/** What a failure is called, and what to do about it. */
export const FAILURES: Readonly<
  Record<ErrorCode, { readonly title: string; readonly advice: string }>
> = {
  aborted: { title: 'That was stopped', advice: 'Nothing was computed.' },
  bad_manifest: {
    title: 'The model’s description is unreadable',
    advice: `Nothing was run with it. ${LOAD_AGAIN}`,
  },
  digest_mismatch: {
    title: 'This is not the model that was published',
    advice: `A file arrived with other bytes than its fingerprint promises, so nothing was run with it. ${LOAD_AGAIN}`,
  },
  fetch_failed: {
    title: 'Something did not arrive',
    advice: `The model or its runtime could not be downloaded. Check the connection. ${LOAD_AGAIN}`,
  },
  out_of_memory: {
    title: 'There is too little memory',
    advice: 'Close some tabs or programs, then load again; or try another device.',
  },
  runtime_failed: {
    title: 'The model could not run here',
    advice:
      'This browser may be too old, or short of memory. Close some tabs, or try another browser.',
  },
  server_failed: {
    title: 'The server gave no answer',
    advice: 'Check the connection, and try again in a moment.',
  },
  unmeasured_rate: {
    title: 'The model has no such threshold',
    advice: 'It was asked for a rate of false alarms that nobody has measured.',
  },
  unsupported_model: {
    title: 'This model does not run in a browser',
    advice: 'It was put here by mistake. Tell whoever runs this page.',
  },
};

export function wordCount(words: number): string {
  return `${words.toLocaleString('en')} ${words === 1 ? 'word' : 'words'}`;
}

export function lengthAdvice(words: number): string {
  return words > 0 && words < ENOUGH_WORDS
    ? `Short texts say little: from about ${ENOUGH_WORDS} words on, the number means something.`
    : '';
}

/** 0.8731 → "87.3%". Never "100%" or "0%": the model is never certain. */
export function percent(probability: number): string {
  if (probability > 0.999) return '>99.9%';
  if (probability < 0.001) return '<0.1%';
  return `${(100 * probability).toFixed(1)}%`;
}

export function milliseconds(duration: number): string {
  return `${duration.toFixed(duration < 10 ? 1 : 0)} ms`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** What the colour of the answer says; styles know it. */
export function toneOf({ prediction, metadata }: Detection): 'unsure' | 'ai' | 'human' {
  if (metadata.warnings.length > 0) return 'unsure';
  return prediction === 1 ? 'ai' : 'human';
}

export function decisionOf({ prediction, metadata }: Detection): string {
  if (metadata.warnings.includes('too_short')) return 'Too short to judge';
  if (metadata.warnings.includes('uncertain')) return 'Uncertain';
  return prediction === 1 ? 'Likely AI-written' : 'Likely human-written';
}

/** What the decision is worth, by the model's own evidence. */
export function meaningOf(detection: Detection, { decision, quality }: Manifest): string {
  const { prediction, metadata } = detection;
  if (metadata.warnings.includes('too_short')) {
    return `When the model was tested, texts of fewer than ${decision.min_words} words were told apart too badly.`;
  }
  if (metadata.warnings.includes('uncertain')) {
    return `It stays below the decision line of ${percent(decision.threshold)}, but so did many texts that an AI wrote, when the model was tested.`;
  }
  const line = `the decision line of ${percent(decision.threshold)}`;
  if (quality === null) {
    const side = prediction === 1 ? 'It reaches' : 'It stays below';
    return `${side} ${line}. Nobody has measured how often this model is wrong.`;
  }
  return prediction === 1
    ? `It reaches ${line}. So did ${percent(quality.fpr_at_threshold)} of the texts that people wrote, when the model was tested: it can be wrong about this one.`
    : `It stays below ${line}. So did ${percent(1 - quality.tpr_at_threshold)} of the texts that an AI wrote, when the model was tested: it can be wrong about this one.`;
}

/** Whose work the model rests on, as its licence asks to be said. */
export function sourceOf({ model_id, source }: Manifest): string {
  return `${model_id}: ${source.attribution}. Licence: ${source.licence}.`;
}
