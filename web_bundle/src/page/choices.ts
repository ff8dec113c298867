import type { Mode } from '../sides.js';
import type { Model } from './catalogue.js';
import { element, make, write } from './elements.js';
import type { Choice } from './judge.js';
import type { Server } from './server.js';
import * as wording from './wording.js';

/** The two lists above the page: which model, and where it runs. */
export class Choices {
  readonly #model = element('choose-model', HTMLSelectElement);
  readonly #mode = element('choose-mode', HTMLSelectElement);
  #models: readonly Model[] = [];
  #server: Server | null = null;
  #comparing = false;

  /** @param changed - is told when someone chooses. */
  constructor(changed: () => void) {
    this.#model.addEventListener('change', changed);
    this.#mode.addEventListener('change', () => {
      this.#showModels();
      changed();
    });
  }

  /** Offers these models, and the server's modes where there is a server. */
  offer(models: readonly Model[], server: Server | null): void {
    this.#models = models;
    this.#server = server;
    for (const option of this.#mode.options) {
      option.disabled = server === null && option.value !== 'only_client';
    }
    this.#showModels();
  }

  /** Whether the text is about to be run on every backend, whatever is chosen. */
  set comparing(comparing: boolean) {
    this.#comparing = comparing;
    this.#showPromise();
  }

  /** What is chosen. */
  get choice(): Choice {
    const model = this.#models.find(({ reference }) => reference === this.#model.value);
    const [first] = this.#models;
    if (first === undefined) throw new Error('no model was offered');
    return { model: model ?? first, mode: this.#mode.value as Mode };
  }

  #showModels(): void {
    const chosen = this.#model.value;
    const options = this.#models.map((model) => this.#optionOf(model));
    this.#model.replaceChildren(...options);
    const stays = options.find((option) => option.value === chosen && !option.disabled);
    this.#model.value = (stays ?? options[0])?.value ?? '';
    this.#showPromise();
  }

  #showPromise(): void {
    const host = this.#server?.url.host;
    const mode = this.#mode.value as Mode;
    const sent = mode !== 'only_client' || (this.#comparing && host !== undefined);
    write('promise', wording.promise(sent, mode, host ?? 'the server'));
    document.documentElement.toggleAttribute('data-sent', sent);
  }

  // A model that the server does not have can only run here.
  #optionOf(model: Model): HTMLOptionElement {
    const option = make('option', { value: model.reference }, wording.modelName(model));
    option.disabled = this.#mode.value !== 'only_client' && model.serverManifestUrl === null;
    return option;
  }
}
