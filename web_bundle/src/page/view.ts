import type { Artifact, Detection } from '../detection.js';
import type { DetectorError } from '../errors.js';
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

export function showLength(text: string): void {
  const words = countWords(text);
  write('count', wording.wordCount(words));
  write('advice', wording.lengthAdvice(words));
}

/** Says that the answer belongs to an earlier text, until the next one. */
export function showStale(stale: boolean): void {
  element('result', HTMLElement).toggleAttribute('data-stale', stale);
}

export function showArtifact({ manifest, digest, modelSha256 }: Artifact): void {
  const { threshold } = manifest.decision;
  write('model', `${manifest.model_id} ${manifest.version}`);
  write('source', wording.sourceOf(manifest));
  write('digest', digest.slice(0, SHOWN_DIGITS));
  element('digest', HTMLElement).title = `sha256 ${digest}`;
  element('copy', HTMLButtonElement).hidden = navigator.clipboard === undefined;
  element('answer', HTMLElement).style.setProperty('--threshold', String(threshold));
  write('line-label', `decision line ${wording.percent(threshold)}`);
  Object.assign(element('result', HTMLElement).dataset, { artifactDigest: digest, modelSha256 });
}

export function showDetection(detection: Detection, { manifest }: Artifact): void {
  clearFailure();
  element('result', HTMLElement).dataset.decision = wording.toneOf(detection);
  element('answer', HTMLElement).style.setProperty('--reach', String(detection.probability));
  showProbability(String(detection.probability), wording.percent(detection.probability));
  write('decision', wording.decisionOf(detection));
  write('meaning', wording.meaningOf(detection, manifest));
  write('time', wording.milliseconds(detection.latency_ms));
  write('place', `this browser (${detection.metadata.provider})`);
  showStale(false);
  bringIntoView(element('answer', HTMLElement));
}

export function showFailure({ code, message }: DetectorError): void {
  const { title, advice } = wording.FAILURES[code];
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

function showNothing(): void {
  delete element('result', HTMLElement).dataset.decision;
  showStale(false);
  showProbability('', '–');
  write('decision', 'No text checked yet');
  write('meaning', '');
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
