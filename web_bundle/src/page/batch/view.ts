import { asDetectorError } from '../../errors.js';
import { element, make } from '../elements.js';
import type { Judge } from '../judge.js';
import * as wording from '../wording.js';
import type { Workplace } from '../workplace.js';
import { readFiles } from './files.js';
import { verdictOf, withResults } from './results.js';
import { judgeAll, type Outcome } from './run.js';
import { type Table, textColumn, writeTable } from './tables.js';

/** Rows that the page shows; the CSV has all of them. */
const SHOWN = 500;
const EXCERPT = 140;
const EXPORT = 'samegraph.csv';

/** Fills the view. */
export async function openBatch(workplace: Workplace): Promise<void> {
  new Batch(workplace).show();
}

class Batch {
  readonly #workplace: Workplace;
  readonly #input = make('input', { type: 'file', id: 'batch-files', multiple: true });
  readonly #drop = make('label', { htmlFor: 'batch-files', className: 'drop' });
  readonly #column = make('select', { id: 'batch-column', disabled: true });
  readonly #run = make('button', { type: 'button', id: 'batch-run', className: 'primary' });
  readonly #stop = make('button', { type: 'button', id: 'batch-stop', className: 'plain' }, 'Stop');
  readonly #save = make('button', { type: 'button', id: 'batch-save', className: 'plain' });
  readonly #progress = make('progress', { id: 'batch-progress', value: 0, max: 1 });
  readonly #status = make('p', { id: 'batch-status', className: 'quiet' });
  readonly #rows = make('tbody');
  #table: Table = { columns: [], rows: [] };
  #outcomes: (Outcome | undefined)[] = [];
  #judge: Judge | undefined;
  #stopping = new AbortController();

  constructor(workplace: Workplace) {
    this.#workplace = workplace;
  }

  show(): void {
    this.#input.accept = '.txt,.md,.csv,.tsv,text/*';
    this.#input.className = 'unseen';
    this.#drop.append(
      make('strong', {}, 'Drop files here'),
      ' or choose them: text files, or a CSV with a text in each row.',
    );
    this.#run.textContent = 'Check them all';
    this.#save.textContent = 'Save as CSV';
    this.#status.setAttribute('role', 'status');
    this.#progress.ariaLabel = 'Texts that were checked';
    element('batch', HTMLElement).append(
      make('h2', { id: 'batch-title' }, 'Many texts at once'),
      this.#input,
      this.#drop,
      this.#controls(),
      this.#progress,
      this.#status,
      this.#results(),
    );
    this.#listen();
    this.#settle('No file yet.');
  }

  #controls(): HTMLElement {
    const label = make('label', { htmlFor: 'batch-column' }, 'Column with the texts');
    return make(
      'div',
      { className: 'row' },
      label,
      this.#column,
      this.#run,
      this.#stop,
      this.#save,
    );
  }

  #results(): HTMLElement {
    const heads = ['Row', 'Text', 'Verdict', 'Probability'];
    const cells = heads.map((name) => make('th', { scope: 'col' }, name));
    const caption = make('caption', { className: 'unseen' }, 'What came of each text');
    const table = make(
      'table',
      {},
      caption,
      make('thead', {}, make('tr', {}, ...cells)),
      this.#rows,
    );
    const box = make('div', { className: 'results', tabIndex: 0, role: 'region' }, table);
    box.ariaLabel = 'Results';
    return box;
  }

  #listen(): void {
    this.#input.addEventListener('change', () => void this.#take([...(this.#input.files ?? [])]));
    this.#run.addEventListener('click', () => void this.#judgeAll());
    this.#stop.addEventListener('click', () => this.#stopping.abort());
    this.#save.addEventListener('click', () => this.#export());
    this.#column.addEventListener('change', () => this.#showTexts());
    const over = (event: DragEvent, inside: boolean) => {
      event.preventDefault();
      this.#drop.toggleAttribute('data-over', inside);
    };
    this.#drop.addEventListener('dragover', (event) => over(event, true));
    this.#drop.addEventListener('dragleave', (event) => over(event, false));
    this.#drop.addEventListener('drop', (event) => {
      over(event, false);
      void this.#take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  async #take(files: readonly File[]): Promise<void> {
    // So that choosing the same file again is a change.
    this.#input.value = '';
    if (files.length === 0) return;
    try {
      this.#table = await readFiles(files);
      this.#offerColumns();
      this.#showTexts();
    } catch (error) {
      this.#table = { columns: [], rows: [] };
      this.#offerColumns();
      this.#showTexts();
      this.#settle(error instanceof Error ? error.message : String(error));
    }
  }

  #offerColumns(): void {
    const { columns } = this.#table;
    this.#column.replaceChildren(...columns.map((name) => make('option', { value: name }, name)));
    if (columns.length > 0) this.#column.value = textColumn(this.#table);
  }

  #showTexts(): void {
    this.#outcomes = [];
    const texts = this.#texts();
    this.#rows.replaceChildren(...texts.slice(0, SHOWN).map((text, i) => emptyRow(text, i)));
    this.#progress.value = 0;
    const more = texts.length > SHOWN ? `; the first ${SHOWN} are shown` : '';
    this.#settle(`${count(texts.length)} to check${more}.`);
  }

  #texts(): string[] {
    return this.#table.rows.map((row) => row[this.#column.value] ?? '');
  }

  async #judgeAll(): Promise<void> {
    const texts = this.#texts();
    this.#stopping = new AbortController();
    this.#outcomes = [];
    this.#settle(`Checking ${count(texts.length)} …`, true);
    try {
      this.#judge = await this.#workplace.judge();
      await judgeAll(this.#judge, texts, this.#stopping.signal, (outcome, at) => {
        this.#outcomes[at] = outcome;
        this.#progress.value = (at + 1) / texts.length;
        showOutcome(this.#rows.children[at], outcome);
      });
      this.#settle(this.#summary());
    } catch (error) {
      const { code, message, cause } = asDetectorError(error, 'runtime_failed');
      const reached = this.#outcomes.length;
      this.#settle(
        code === 'aborted'
          ? `Stopped after ${count(reached)} of ${texts.length}.`
          : `Not checked: ${wording.failureOf(code, cause).title}. ${message}`,
      );
    }
  }

  #summary(): string {
    const verdicts = new Map<string, number>();
    for (const outcome of this.#outcomes) {
      const verdict = outcome === undefined ? 'Failed' : verdictOf(outcome);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    const parts = [...verdicts].map(
      ([verdict, n]) => `${n} ${verdict.charAt(0).toLowerCase()}${verdict.slice(1)}`,
    );
    return `${count(this.#outcomes.length)} checked: ${parts.join(', ')}.`;
  }

  #export(): void {
    if (this.#judge === undefined) return;
    const csv = writeTable(withResults(this.#table, this.#outcomes, this.#judge));
    const url = URL.createObjectURL(new Blob([csv], { type: 'text/csv;charset=utf-8' }));
    make('a', { href: url, download: EXPORT }).click();
    // The download has begun by then.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  /** What the buttons allow follows from what there is. */
  #settle(status: string, running = false): void {
    this.#status.textContent = status;
    const empty = this.#table.rows.length === 0;
    this.#run.disabled = empty || running;
    this.#stop.disabled = !running;
    this.#save.disabled = running || this.#outcomes.length === 0;
    this.#column.disabled = empty || running;
    this.#input.disabled = running;
  }
}

function emptyRow(text: string, at: number): HTMLTableRowElement {
  const excerpt = text.length > EXCERPT ? `${text.slice(0, EXCERPT)} …` : text;
  return make(
    'tr',
    {},
    make('th', { scope: 'row' }, String(at + 1)),
    make('td', {}, make('div', { className: 'excerpt' }, excerpt)),
    make('td', {}, '–'),
    make('td', { className: 'number' }, '–'),
  );
}

function showOutcome(row: Element | undefined, outcome: Outcome): void {
  if (!(row instanceof HTMLTableRowElement)) return;
  const [, , verdict, probability] = row.cells;
  if (verdict === undefined || probability === undefined) return;
  verdict.textContent = verdictOf(outcome);
  if (outcome.kind !== 'judged') {
    verdict.title = outcome.kind === 'failed' ? outcome.error.message : '';
    return;
  }
  row.dataset.tone = wording.toneOf(outcome.detection);
  const { probability: value } = outcome.detection;
  probability.replaceChildren(make('data', { value: String(value) }, wording.percent(value)));
}

function count(texts: number): string {
  return `${texts.toLocaleString('en')} ${texts === 1 ? 'text' : 'texts'}`;
}
