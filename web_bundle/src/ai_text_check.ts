// The custom element <ai-text-check>: importing this script defines it.
import { STYLE } from './ai_text_check_style.js';
import type { Detection } from './detection.js';
import { createDetector, type HybridDetector, type Mode } from './index.js';
import type { Progress } from './progress.js';
import { decisionOf, percent } from './verdict.js';

const NAME = 'ai-text-check';

/** Any change of these makes another detector. */
const OPTIONS = ['base-url', 'manifest-url', 'model', 'server', 'mode'] as const;

/** Node, where pages may be rendered, has no elements. */
const Base = globalThis.HTMLElement ?? class {};

/**
 * A button that checks the text field which `for` names, and says what came of it.
 *
 * Attributes: `for`, and `base-url`, `manifest-url`, `model`, `server` and `mode` as `createDetector` takes them. The model is loaded
 * by the first check; removing the element frees it.
 *
 * Events: `detection` with a Detection, `detection-error` with a DetectorError as its `detail`. Parts for styles: `button`,
 * `meter`, `status`. The slot `label` is the button's text.
 */
export class AiTextCheck extends Base {
  static readonly observedAttributes = [...OPTIONS, 'for'];

  readonly #button = element('button', 'button');
  readonly #meter = element('meter', 'meter');
  readonly #status = element('div', 'status');
  #detector: Promise<HybridDetector> | undefined;
  #listening = new AbortController();
  #checks = 0;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    const label = document.createElement('slot');
    label.name = 'label';
    label.textContent = 'Check for AI writing';
    this.#button.type = 'button';
    this.#button.append(label);
    this.#button.addEventListener('click', () => void this.check());
    this.#meter.hidden = true;
    this.#meter.ariaLabel = 'Probability that an AI wrote it';
    this.#status.role = 'status';
    this.#status.ariaLive = 'polite';
    shadow.append(this.#button, this.#meter, this.#status);
  }

  connectedCallback(): void {
    this.#listen();
  }

  disconnectedCallback(): void {
    this.#listening.abort();
    this.#forget();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now || !this.isConnected) return;
    if (name === 'for') this.#listen();
    else this.#forget();
  }

  /** The text field that is checked; null where `for` names none. */
  get field(): HTMLTextAreaElement | HTMLInputElement | null {
    const root = this.getRootNode() as Document | ShadowRoot;
    const found = root.getElementById?.(this.getAttribute('for') ?? '');
    const isField = found instanceof HTMLTextAreaElement || found instanceof HTMLInputElement;
    return isField ? found : null;
  }

  /** Checks what the field holds now, as the button does. */
  async check(): Promise<void> {
    const text = this.field?.value.trim() ?? '';
    if (text === '') {
      this.#say('There is no text to check.');
      return;
    }
    const check = ++this.#checks;
    this.#button.ariaDisabled = 'true';
    try {
      this.#say('Checking …');
      this.#detector ??= createDetector(this.#options());
      const detection = await (await this.#detector).detect(text);
      if (check === this.#checks) this.#show(detection);
    } catch (error) {
      if (check === this.#checks) this.#fail(error);
    } finally {
      this.#button.ariaDisabled = null;
    }
  }

  #options(): Parameters<typeof createDetector>[0] {
    const [baseUrl, manifestUrl, model, server, mode] = OPTIONS.map((name) =>
      this.getAttribute(name),
    );
    return {
      ...(baseUrl !== null && { baseUrl }),
      ...(manifestUrl !== null && { manifestUrl }),
      ...(model !== null && { model }),
      ...(server !== null && { server }),
      ...(mode !== null && { mode: mode as Mode }),
      onProgress: (progress: Progress) => this.#showProgress(progress),
    } as Parameters<typeof createDetector>[0];
  }

  #listen(): void {
    this.#listening.abort();
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.field?.addEventListener('input', () => this.#clear(), { signal });
  }

  #forget(): void {
    const detector = this.#detector;
    this.#detector = undefined;
    this.#clear();
    detector?.then((it) => it.dispose()).catch(() => undefined);
  }

  #clear(): void {
    this.#checks += 1; // an answer under way is of another text
    this.#meter.hidden = true;
    this.#say('');
  }

  #showProgress(progress: Progress): void {
    if (progress.phase === 'download') return;
    this.#say(progress.phase === 'load' ? 'Loading the model …' : 'Checking …');
  }

  #show(detection: Detection): void {
    this.#meter.value = detection.probability;
    this.#meter.hidden = false;
    this.#say(`${decisionOf(detection)}: ${percent(detection.probability)} probability of AI.`);
    this.#tell('detection', detection);
  }

  #fail(error: unknown): void {
    this.#detector = undefined; // the next check tries again
    this.#meter.hidden = true;
    this.#say('The text could not be checked. Try again in a moment.');
    this.#tell('detection-error', error);
  }

  #say(text: string): void {
    this.#status.textContent = text;
  }

  #tell(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

function element<Tag extends 'button' | 'meter' | 'div'>(
  tag: Tag,
  part: string,
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.part.add(part);
  return made;
}

globalThis.customElements?.define(NAME, AiTextCheck);

declare global {
  interface HTMLElementTagNameMap {
    'ai-text-check': AiTextCheck;
  }
}
