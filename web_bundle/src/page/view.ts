import type { Detection } from '../detection.js';
import type { DetectorError } from '../errors.js';
import type { Manifest } from '../manifest.js';
import { countWords } from '../segments.js';
import { element, write } from './elements.js';
import * as wording from './wording.js';

/** What the page is doing; styles and tests read it from `<html data-state>`. */
export type State = 'loading' | 'ready' | 'running' | 'done' | 'error';

const SHOWN_DIGITS = 12;

export function showState(state: State, status: string): void {
  document.documentElement.dataset.state = state;
  write('status', status);
}

interface Arriving {
  readonly url: string;
  readonly loaded: number;
  readonly total: number;
}

/** How much of the files has come; not said aloud, which would be all that is said. */
export class LoadBar {
  readonly #files = new Map<string, Arriving>();

  readonly update = (progress: object): void => {
    if (!isArriving(progress)) return;
    this.#files.set(progress.url, progress);
    const files = [...this.#files.values()];
    const sum = (of: (file: Arriving) => number) => files.reduce((all, file) => all + of(file), 0);
    this.#show(
      sum((file) => file.loaded) /
        Math.max(
          1,
          sum((file) => file.total),
        ),
    );
  };

  #show(share: number): void {
    element('loaded', HTMLElement).style.setProperty('--loaded', share.toFixed(3));
  }
}

function isArriving(progress: object): progress is Arriving {
  return 'url' in progress && 'loaded' in progress && 'total' in progress;
}

export function showLength(text: string, minWords: number | null): void {
  const words = countWords(text);
  write('count', wording.wordCount(words));
  write('advice', wording.lengthAdvice(words, minWords));
}

/** Says that the answer belongs to an earlier text, until the next one. */
export function showStale(stale: boolean): void {
  for (const id of ['result', 'sentences']) {
    element(id, HTMLElement).toggleAttribute('data-stale', stale);
  }
}

/** What is known of the model before any answer. */
export function showModel(manifest: Manifest): void {
  const { decision, digest, files } = manifest;
  write('model', `${manifest.model_id} ${manifest.version}`);
  write('source', wording.sourceOf(manifest));
  write('digest', digest.slice(0, SHOWN_DIGITS));
  element('digest', HTMLElement).title = `sha256 ${digest}`;
  element('copy', HTMLButtonElement).hidden = navigator.clipboard === undefined;
  const graph = files.find(({ path }) => path === 'model.onnx');
  Object.assign(element('result', HTMLElement).dataset, {
    artifactDigest: digest,
    modelSha256: graph?.sha256,
  });
  showScale(decision);
}

function showScale(decision: Manifest['decision']): void {
  const { threshold, uncertain_from: lowest } = decision;
  const scale = element('scale', HTMLElement);
  scale.toggleAttribute('data-banded', lowest != null);
  scale.style.setProperty('--threshold', String(threshold));
  scale.style.setProperty('--lower', String(lowest ?? threshold));
  write('line-label', wording.percent(threshold));
  write('band-label', lowest == null ? '' : wording.percent(lowest));
  const ranges = wording.ranges(decision);
  for (const tone of ['human', 'unsure', 'ai'] as const) write(`legend-${tone}`, ranges[tone]);
}

export function showDetection(detection: Detection, manifest: Manifest): void {
  clearFailure();
  const { probability } = detection;
  const decision = wording.decisionOf(detection);
  element('result', HTMLElement).dataset.decision = wording.toneOf(detection);
  const scale = element('scale', HTMLElement);
  scale.style.setProperty('--reach', String(probability));
  scale.ariaLabel = wording.scaleOf(probability, manifest.decision);
  showProbability(String(probability), wording.percent(probability));
  write('decision', decision);
  write('meaning', wording.meaningOf(detection, manifest));
  write('fallback', wording.fallbackOf(detection));
  write('time', wording.milliseconds(detection.latency_ms));
  write('place', wording.placeOf(detection));
  showStale(false);
  bringIntoView(element('answer', HTMLElement));
}

export function showFailure({ code, message, cause }: DetectorError): void {
  const { title, advice } = wording.failureOf(code, cause);
  showNothing();
  element('answer', HTMLElement).hidden = true;
  write('error-title', title);
  write('error-advice', advice);
  write('error-code', code);
  write('error-detail', message);
  element('error', HTMLElement).hidden = false;
}

export function clearFailure(): void {
  element('error', HTMLElement).hidden = true;
  element('answer', HTMLElement).hidden = false;
}

/** Opens the box of sentences to its whole height, and closes it again. */
export function unfoldSentences(): void {
  const open = element('marked', HTMLElement).toggleAttribute('data-unfolded');
  const button = element('unfold', HTMLButtonElement);
  button.ariaExpanded = String(open);
  button.textContent = open ? 'Show less' : 'Show all of it';
}

function showNothing(): void {
  delete element('result', HTMLElement).dataset.decision;
  showStale(false);
  showProbability('', '–');
  element('scale', HTMLElement).ariaLabel = 'No text checked yet';
  write('decision', 'No text checked yet');
  for (const id of ['meaning', 'fallback']) write(id, '');
  for (const id of ['time', 'place']) write(id, '–');
}

function bringIntoView(shown: HTMLElement): void {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  shown.scrollIntoView({ block: 'nearest', behavior: still ? 'instant' : 'smooth' });
}

function showProbability(value: string, text: string): void {
  const figure = element('probability', HTMLDataElement);
  figure.value = value;
  figure.textContent = text;
}
