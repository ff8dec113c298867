import { createDetector } from '../detector.js';
import { asDetectorError } from '../errors.js';
import type { Detector } from '../scorer.js';
import { firstModel } from './catalogue.js';
import { element } from './elements.js';
import * as view from './view.js';
import * as wording from './wording.js';

/** The page: one detector, one text, one answer. */
class Page {
  readonly #text = element('text', HTMLTextAreaElement);
  #detector: Promise<Detector> = this.#load();
  #asked = 0;

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
    for (const button of document.querySelectorAll<HTMLButtonElement>('[data-example]')) {
      button.addEventListener('click', () => this.#try(button.dataset.example ?? ''));
    }
    element('retry', HTMLButtonElement).addEventListener('click', () => this.#reload());
    element('copy', HTMLButtonElement).addEventListener('click', () => void this.#copyDigest());
    if (/Mac|iP(hone|ad)/.test(navigator.userAgent))
      element('modifier', HTMLElement).textContent = '⌘';
    view.showLength(this.#text.value);
  }

  #load(): Promise<Detector> {
    const loading = this.#loadFirstModel();
    // The failure is shown here; whoever awaits the detector later sees it again.
    loading.catch((error: unknown) => this.#fail(error));
    return loading;
  }

  async #loadFirstModel(): Promise<Detector> {
    view.showState('loading', 'Looking for the model …');
    const model = await firstModel(new URL('./models/index.json', document.baseURI));
    const name = `${model.model_id} (${wording.megabytes(model.bytes)})`;
    view.showState('loading', `Loading ${name} and its runtime …`);
    const { manifestUrl, digest } = model;
    const detector = await createDetector({ manifestUrl, expectedDigest: digest });
    view.showArtifact(detector.artifact);
    view.showState('ready', 'Ready: the model is loaded and verified.');
    return detector;
  }

  async #check(): Promise<void> {
    const text = this.#text.value;
    if (text.trim() === '') {
      this.#askForText();
      return;
    }
    const asked = ++this.#asked;
    try {
      const detector = await this.#detector;
      view.showState('running', 'Checking …');
      const detection = await detector.detect(text);
      if (asked !== this.#asked) return;
      view.showDetection(detection, detector.artifact);
      const decision = wording.decisionOf(detection);
      view.showState(
        'done',
        `${decision}: ${wording.percent(detection.probability)} probability of AI.`,
      );
    } catch (error) {
      if (asked === this.#asked) this.#fail(error);
    }
  }

  #askForText(): void {
    element('status', HTMLElement).textContent = 'Paste or type a text first.';
    this.#text.focus();
  }

  #edited(): void {
    view.showLength(this.#text.value);
    view.showStale(document.documentElement.dataset.state === 'done');
  }

  #try(example: string): void {
    const { content } = element(`example-${example}`, HTMLTemplateElement);
    this.#text.value = content.textContent.replace(/\s+/g, ' ').trim();
    this.#text.scrollTop = 0;
    this.#edited();
    void this.#check();
  }

  #reload(): void {
    view.clearFailure();
    // A detector that never loaded has freed its worker already.
    this.#detector.then((detector) => detector.dispose()).catch(() => undefined);
    this.#detector = this.#load();
    if (this.#text.value.trim() !== '') void this.#check();
  }

  #fail(error: unknown): void {
    view.showFailure(asDetectorError(error, 'runtime_failed'));
    view.showState('error', 'The text was not checked.');
  }

  async #copyDigest(): Promise<void> {
    const { artifact } = await this.#detector;
    await navigator.clipboard.writeText(artifact.digest);
    element('status', HTMLElement).textContent = 'The artifact’s digest is copied.';
  }
}

new Page().start();
