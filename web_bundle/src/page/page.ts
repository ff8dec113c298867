import { asDetectorError } from '../errors.js';
import type { Model } from './catalogue.js';
import { Choices } from './choices.js';
import { element, make, write } from './elements.js';
import { offerExamples } from './examples.js';
import { type Judge, openJudge } from './judge.js';
import { showSentences } from './sentences.js';
import type { Server } from './server.js';
import type { Surroundings } from './surroundings.js';
import * as view from './view.js';
import { followAddress, type View } from './views.js';
import * as wording from './wording.js';
import type { Workplace } from './workplace.js';

/** What a view that is loaded later does with the text that is asked about. */
type Ask = (text: string) => Promise<void>;

/** The page: one text, one answer; further views come when they are asked for. */
export class Page implements Workplace {
  readonly #surroundings: Surroundings;
  readonly #text = element('text', HTMLTextAreaElement);
  readonly #choices = new Choices(() => this.#reload());
  #models: Promise<readonly Model[]>;
  readonly #server: Promise<Server | null>;
  #judge: Promise<Judge>;
  #compare: Promise<Ask> | undefined;
  #batch: Promise<void> | undefined;
  #view: View = 'one-text';
  #minWords: number | null = null;
  #asked = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#server = surroundings.server().catch(() => null);
    this.#models = this.#offer(surroundings.models());
    this.#judge = this.#open();
  }

  start(): void {
    const form = element('form', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#check();
    });
    this.#text.addEventListener('input', () => this.#edited());
    this.#text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    offerExamples((text) => this.#use(text));
    element('retry', HTMLButtonElement).addEventListener('click', () => this.#retry());
    element('copy', HTMLButtonElement).addEventListener('click', () => void this.#copyDigest());
    element('unfold', HTMLButtonElement).addEventListener('click', view.unfoldSentences);
    // It scrolls, so the keyboard has to reach it.
    element('marked', HTMLElement).tabIndex = 0;
    if (/Mac|iP(hone|ad)/.test(navigator.userAgent)) write('modifier', '⌘');
    followAddress((entered) => this.#entered(entered));
    this.#showLength();
  }

  get choice() {
    return this.#choices.choice;
  }

  server(): Promise<Server | null> {
    return this.#server;
  }

  judge(): Promise<Judge> {
    return this.#judge;
  }

  async browserJudge(): Promise<Judge> {
    const judge = await this.#judge.catch(() => undefined);
    if (judge?.choice.mode === 'only_client') return judge;
    const choice = { model: this.choice.model, mode: 'only_client' } as const;
    return openJudge(choice, await this.#server, this.#surroundings, () => undefined);
  }

  async #offer(coming: Promise<readonly Model[]>): Promise<readonly Model[]> {
    const models = await coming;
    this.#choices.offer(models, null);
    void this.#server.then((server) => this.#offerServed(models, server)).catch(() => undefined);
    return models;
  }

  async #offerServed(models: readonly Model[], server: Server | null): Promise<void> {
    if (server === null) return;
    const { merged } = await this.#surroundings.later.served();
    this.#choices.offer(merged(models, server.models), server);
  }

  #open(): Promise<Judge> {
    const opening = this.#openChosen();
    // The failure is shown here; whoever awaits the judge later sees it again.
    opening.catch((error: unknown) => this.#fail(error));
    return opening;
  }

  async #openChosen(): Promise<Judge> {
    view.showState('loading', 'Looking for the model …');
    await this.#models;
    const { model, mode } = this.choice;
    const server = mode === 'only_client' && model.manifestUrl ? null : await this.#server;
    view.showState('loading', `Loading ${wording.modelName(model)} …`);
    const bar = new view.LoadBar();
    const judge = await openJudge({ model, mode }, server, this.#surroundings, bar.update);
    view.showModel(judge.manifest);
    view.showState('ready', wording.readiness(mode));
    this.#minWords = judge.manifest.decision.min_words ?? null;
    this.#showLength();
    return judge;
  }

  async #check(): Promise<void> {
    const text = this.#text.value;
    if (text.trim() === '') {
      write('status', 'Paste or type a text first.');
      this.#text.focus();
      return;
    }
    if (this.#view === 'compare') await (await this.#comparing())(text);
    else await this.#answer(text);
  }

  async #answer(text: string): Promise<void> {
    const asked = ++this.#asked;
    try {
      const judge = await this.#judge;
      view.showState('running', 'Checking …');
      const detection = await judge.detect(text);
      if (asked !== this.#asked) return;
      view.showDetection(detection, judge.manifest);
      const decision = wording.decisionOf(detection);
      const probability = wording.percent(detection.probability);
      view.showState('done', `${decision}: ${probability} probability of AI.`);
      // The number first: its time is then that of one text.
      const { metadata } = await judge.detect(text, { explain: true });
      if (asked === this.#asked) showSentences(text, metadata.segments ?? [], judge.manifest);
    } catch (error) {
      if (asked === this.#asked) this.#fail(error);
    }
  }

  #use(text: string): void {
    this.#text.value = text;
    this.#text.scrollTop = 0;
    this.#edited();
    void this.#check();
  }

  #edited(): void {
    this.#showLength();
    view.showStale(document.documentElement.dataset.state === 'done');
  }

  #showLength(): void {
    view.showLength(this.#text.value, this.#minWords);
  }

  /** Another model, or another place: the answer on the page is no longer this choice's. */
  #reload(): void {
    this.#asked += 1;
    view.clearFailure();
    view.showStale(true);
    // A judge that never opened has freed its worker already.
    this.#judge.then((judge) => judge.dispose()).catch(() => undefined);
    this.#judge = this.#open();
  }

  #retry(): void {
    this.#models = this.#models.catch(() => this.#offer(this.#surroundings.models()));
    this.#reload();
    if (this.#text.value.trim() !== '') void this.#check();
  }

  #fail(error: unknown): void {
    view.showFailure(asDetectorError(error, 'runtime_failed'));
    view.showState('error', 'The text was not checked.');
  }

  async #copyDigest(): Promise<void> {
    const { manifest } = await this.#judge;
    await navigator.clipboard.writeText(manifest.digest);
    write('status', 'The artifact’s digest is copied.');
  }

  #entered(entered: View): void {
    this.#view = entered;
    write('check', entered === 'compare' ? 'Run it everywhere' : 'Check the text');
    this.#choices.comparing = entered === 'compare';
    if (entered === 'compare') {
      write('status', 'A comparison sends the text to the server, where there is one.');
      void this.#comparing();
    }
    if (entered === 'files') this.#batch ??= this.#openBatch();
  }

  #comparing(): Promise<Ask> {
    this.#compare ??= this.#surroundings.later
      .compare()
      .then(({ openCompare }) => openCompare(this))
      .catch(() => missing('comparison'));
    return this.#compare;
  }

  #openBatch(): Promise<void> {
    return this.#surroundings.later
      .batch()
      .then(({ openBatch }) => openBatch(this))
      .catch(() => void missing('batch'));
  }
}

function missing(id: string): Ask {
  const text = 'This part of the page did not arrive. Load the page again.';
  element(id, HTMLElement).replaceChildren(make('p', { role: 'alert' }, text));
  return async () => undefined;
}
