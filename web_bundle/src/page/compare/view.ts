import type { Detection } from '../../detection.js';
import { asDetectorError } from '../../errors.js';
import { element, make } from '../elements.js';
import * as wording from '../wording.js';
import type { Workplace } from '../workplace.js';
import { type Place, places } from './backends.js';

/** What the same artifact may differ by between two runtimes. */
const TOLERANCE = 1e-5;
/** A space that no line breaks at. */
const NARROW = '\u202f';
const COLUMNS = ['Where', 'Probability', 'Difference', 'Time'];

interface Answered {
  readonly place: Place;
  readonly detection: Detection;
  /** With the way there and back. */
  readonly milliseconds: number;
}

/** Fills the view; what it returns runs a text on every backend. */
export function openCompare(workplace: Workplace): (text: string) => Promise<void> {
  const comparison = new Comparison(workplace);
  comparison.show();
  return (text) => comparison.run(text);
}

class Comparison {
  readonly #workplace: Workplace;
  readonly #rows = make('tbody');
  readonly #verdict = make('p', { id: 'agreement', className: 'decision' }, 'Not compared yet');
  readonly #detail = make('p', { id: 'agreement-detail', className: 'meaning' });
  #running = 0;

  constructor(workplace: Workplace) {
    this.#workplace = workplace;
  }

  show(): void {
    const heads = COLUMNS.map((name) => make('th', { scope: 'col' }, name));
    const caption = make('caption', { className: 'unseen' }, 'The same text on every backend');
    const live = make('div', {}, this.#verdict, this.#detail);
    live.setAttribute('role', 'status');
    this.#detail.textContent = 'The same artifact gives the same number wherever it runs.';
    element('comparison', HTMLElement).append(
      make('h2', { id: 'comparison-title' }, 'The same text on every backend'),
      make('table', {}, caption, make('thead', {}, make('tr', {}, ...heads)), this.#rows),
      live,
    );
    void this.#showPlaces();
  }

  async run(text: string): Promise<void> {
    const running = ++this.#running;
    this.#say('Running …', '');
    const found = await this.#showPlaces();
    const answers: Answered[] = [];
    for (const [i, place] of found.entries()) {
      const answered = place.obstacle === null ? await this.#ask(place, i, text) : null;
      if (running !== this.#running) return;
      if (answered !== null) answers.push(answered);
      this.#showAnswers(found, answers);
    }
    this.#conclude(answers);
  }

  async #showPlaces(): Promise<Place[]> {
    const found = await places(this.#workplace);
    this.#rows.replaceChildren(...found.map((place) => emptyRow(place)));
    return found;
  }

  async #ask(place: Place, at: number, text: string): Promise<Answered | null> {
    const started = performance.now();
    try {
      const detection = await place.judge(text);
      return { place, detection, milliseconds: performance.now() - started };
    } catch (error) {
      const { message } = asDetectorError(error, 'runtime_failed');
      this.#rows.children[at]?.replaceWith(emptyRow({ ...place, obstacle: message }));
      return null;
    }
  }

  #showAnswers(found: readonly Place[], answers: readonly Answered[]): void {
    const first = answers[0]?.detection;
    for (const answered of answers) {
      const at = found.indexOf(answered.place);
      this.#rows.children[at]?.replaceWith(row(answered, first));
    }
  }

  #conclude(answers: readonly Answered[]): void {
    if (answers.length === 0) {
      this.#say('No backend answered', 'The reasons are in the table.');
      return;
    }
    if (answers.length === 1) {
      this.#say(
        'Nothing to compare with',
        `Only one backend can run this model: ${answers[0]?.place.name}.`,
      );
      return;
    }
    const probabilities = answers.map(({ detection }) => detection.probability);
    const largest = Math.max(...probabilities) - Math.min(...probabilities);
    const digests = new Set(answers.map(({ detection }) => detection.metadata.artifact_digest));
    const same = digests.size === 1;
    const agree = same && largest <= TOLERANCE;
    const artifact = same ? 'All of them ran the same artifact.' : 'They ran different artifacts.';
    this.#say(
      agree ? `${answers.length} backends agree` : 'The backends differ',
      `The largest difference is ${small(largest)}; up to ${small(TOLERANCE)} counts as the same. ${artifact}`,
    );
  }

  #say(verdict: string, detail: string): void {
    this.#verdict.textContent = verdict;
    this.#detail.textContent = detail;
  }
}

function emptyRow({ name, obstacle }: Place): HTMLTableRowElement {
  const reason = obstacle === null ? [] : [make('small', { className: 'obstacle' }, obstacle)];
  const head = make('th', { scope: 'row' }, name, ...reason);
  return make('tr', {}, head, ...['–', '–', '–'].map((text) => make('td', {}, text)));
}

function row(
  { place, detection, milliseconds }: Answered,
  first: Detection | undefined,
): HTMLTableRowElement {
  const { probability, backend, latency_ms } = detection;
  const difference =
    first === detection ? '' : small(Math.abs(probability - (first?.probability ?? 0)));
  const took = make(
    'small',
    { className: 'obstacle' },
    `round trip ${wording.milliseconds(milliseconds).replace(' ', NARROW)}`,
  );
  const made = make(
    'tr',
    {},
    make('th', { scope: 'row' }, place.name),
    make(
      'td',
      { className: 'number' },
      make('data', { value: String(probability) }, probability.toFixed(7)),
    ),
    make('td', { className: 'number' }, difference || 'reference'),
    make('td', { className: 'number' }, wording.milliseconds(latency_ms), took),
  );
  made.dataset.backend = backend;
  return made;
}

function small(difference: number): string {
  return difference === 0
    ? '0'
    : difference
        .toExponential(0)
        .replace('e-', `${NARROW}·${NARROW}10⁻`)
        .replace(/\d+$/, superscript);
}

function superscript(digits: string): string {
  return digits.replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(digit)));
}
