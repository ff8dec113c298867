import type { Detection } from '../detection.js';
import type { ErrorCode } from '../errors.js';
import type { Manifest } from '../manifest.js';
import type { Mode } from '../sides.js';
import { percent } from '../verdict.js';
import type { Model } from './catalogue.js';

export { decisionOf, percent } from '../verdict.js';

/** How a probability is to be taken; styles know it. */
export type Tone = 'human' | 'unsure' | 'ai';

type Decision = Pick<Manifest['decision'], 'threshold' | 'uncertain_from'>;

const LOAD_AGAIN = 'Load again in a moment. If it stays, tell whoever runs this page.';

/** What a failure is called, and what to do about it. */
export interface Failure {
  readonly title: string;
  readonly advice: string;
}

const FAILURES: Readonly<Record<ErrorCode, Failure>> = {
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
  not_signed: {
    title: 'Nobody vouches for this model',
    advice: 'It has no signature by the key that this page trusts, so nothing was run with it.',
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
    advice: 'Check the connection and try again in a moment, or let this browser run the model.',
  },
  unmeasured_rate: {
    title: 'The model has no such threshold',
    advice: 'It was asked for a rate of false alarms that nobody has measured.',
  },
  unsupported_model: {
    title: 'This model does not run in a browser',
    advice: 'Choose another model above, or let the server run it.',
  },
};

/** In the words of the cause, where a script that came later has some. */
export function failureOf(code: ErrorCode, cause: unknown): Failure {
  return Object(Object(cause).cause).failure ?? FAILURES[code];
}

export function wordCount(words: number): string {
  return `${words.toLocaleString('en')} ${words === 1 ? 'word' : 'words'}`;
}

/** @param minWords - of the model's manifest, where it has any. */
export function lengthAdvice(words: number, minWords: number | null): string {
  return words > 0 && minWords !== null && words < minWords
    ? `Too short: below ${minWords} words this model was not reliable when it was tested.`
    : '';
}

/** What the header promises about the text; `sent` is whether it may leave the browser. */
export function promise(sent: boolean, mode: Mode, host: string): string {
  if (!sent) return 'Your text stays in this browser';
  return mode === 'prefer_client'
    ? `Your text goes to ${host} if this browser fails`
    : `Your text is sent to ${host}`;
}

/** A model in the list of models. */
export function modelName({ reference, bytes }: Model): string {
  const [id, version] = reference.split('@');
  return `${id} ${version} · ${megabytes(bytes)}`;
}

/** Where an answer comes from. */
export function placeOf({ backend, metadata }: Detection): string {
  if (backend === 'client_side') return `this browser (${metadata.provider})`;
  return backend === 'modal' ? 'Modal, asked by the server' : 'the server';
}

/** Who was asked before, and why that brought nothing. */
export function fallbackOf({ metadata }: Detection): string {
  const names: Record<string, string> = { client_side: 'This browser', server: 'The server' };
  // A server's own reasons are single words, about what it never tried.
  return metadata.fallbacks
    .filter(({ backend, reason }) => backend in names && reason.includes(': '))
    .map(({ backend, reason }) => `${names[backend]} was asked first and failed: ${reason}.`)
    .join(' ');
}

/** The tone of a probability by itself. */
export function toneOfProbability(probability: number, decision: Decision): Tone {
  if (probability >= decision.threshold) return 'ai';
  return probability >= (decision.uncertain_from ?? decision.threshold) ? 'unsure' : 'human';
}

/** The same in words. */
export const TONES: Readonly<Record<Tone, string>> = {
  human: 'likely human',
  unsure: 'uncertain',
  ai: 'likely AI',
};

/** The probabilities that each tone stands for; empty where the model has no uncertain band. */
export function ranges({ threshold, uncertain_from: lowest }: Decision): Record<Tone, string> {
  const [from, to] = [percent(lowest ?? threshold), percent(threshold)];
  return {
    human: `below ${from}`,
    unsure: lowest == null ? '' : `${from} to ${to}`,
    ai: `from ${to}`,
  };
}

export function milliseconds(duration: number): string {
  return `${duration.toFixed(duration < 10 ? 1 : 0)} ms`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The tone of an answer, with all that is known about it. */
export function toneOf({ prediction, metadata }: Detection): Tone {
  if (metadata.warnings.length > 0) return 'unsure';
  return prediction === 1 ? 'ai' : 'human';
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

/** The scale in words. */
export function scaleOf(probability: number, decision: Decision): string {
  const { unsure, ai } = ranges(decision);
  const band = unsure === '' ? '' : `; uncertain ${unsure}`;
  return `${percent(probability)} on a scale of likely AI ${ai}${band}`;
}

/** What the page says when it is ready. */
export function readiness(mode: Mode): string {
  if (mode === 'only_client') return 'Ready: the model is loaded and verified.';
  return mode === 'only_server'
    ? 'Ready: the server will be asked.'
    : 'Ready: one side stands in for the other.';
}
