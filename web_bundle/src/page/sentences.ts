import type { JudgedSegment } from '../detection.js';
import type { Manifest } from '../manifest.js';
import { element, make } from './elements.js';
import * as wording from './wording.js';

/** A stretch of the text as it is: a judged part, or what is between two of them. */
export interface Stretch {
  readonly text: string;
  readonly probability: number | null;
}

/** The whole text in order; `segments` place themselves in code points. */
export function stretches(text: string, segments: readonly JudgedSegment[]): Stretch[] {
  const points = Array.from(text);
  const found: Stretch[] = [];
  let at = 0;
  const add = (end: number, probability: number | null) => {
    if (end > at) found.push({ text: points.slice(at, end).join(''), probability });
    at = end;
  };
  for (const { start, end, probability } of segments) {
    add(start, null);
    add(end, probability);
  }
  add(points.length, null);
  return found;
}

/** Shows the text with each part shaded by its own probability. */
export function showSentences(
  text: string,
  segments: readonly JudgedSegment[],
  { decision }: Manifest,
): void {
  const shown = stretches(text, segments).map(({ text, probability }) =>
    probability === null ? text : marked(text, probability, decision),
  );
  const box = element('marked', HTMLElement);
  box.replaceChildren(make('p', {}, ...shown));
  const fits = box.scrollHeight <= box.clientHeight && !box.hasAttribute('data-unfolded');
  element('unfold', HTMLButtonElement).toggleAttribute('data-needless', fits);
}

function marked(text: string, probability: number, decision: Manifest['decision']): HTMLElement {
  const tone = wording.toneOfProbability(probability, decision);
  const mark = make('mark', {}, text);
  mark.dataset.tone = tone;
  mark.style.setProperty('--share', probability.toFixed(3));
  const share = make('small', { className: 'share' });
  share.append(
    wording.percent(probability),
    make('span', { className: 'unseen' }, ` ${wording.TONES[tone]}`),
  );
  return make('span', { className: 'judged' }, mark, share);
}
