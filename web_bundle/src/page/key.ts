import type { ServerRefusal } from '../server_client.js';
import { make } from './elements.js';
import type { Failure } from './wording.js';

/** What the page says of a refusal; undefined where it has no words of its own for it. */
export function failureOf(
  { status, retryAfter }: Pick<ServerRefusal, 'status' | 'retryAfter'>,
  hasKey: boolean,
): Failure | undefined {
  if (status === 401 && hasKey)
    return { title: 'The server does not take this key', advice: 'Check it, or enter another.' };
  if (status === 401)
    return { title: 'The server asks for a key', advice: 'Whoever runs it gives them out.' };
  if (status === 403)
    return {
      title: 'This key does not open it',
      advice: 'It is good, but not for judging texts: it lacks the scope “predict”. Enter another.',
    };
  if (status !== 429) return undefined;
  const advice = `The server takes more texts ${soon(retryAfter)}.`;
  return { title: 'That was too much for now', advice };
}

function soon(seconds: number | null): string {
  if (seconds === null) return 'later';
  return seconds <= 120 ? `in ${seconds} s` : `in ${Math.ceil(seconds / 60)} min`;
}

/** Asks for the server's key, and has the text checked again with it. */
export class KeyDialog {
  readonly #dialog = make('dialog', { id: 'key-dialog', className: 'sheet key' });
  readonly #title = make('h2', { id: 'key-title' });
  readonly #advice = make('p', { id: 'key-advice', className: 'quiet' });
  readonly #field = make('input', { id: 'key', type: 'password', required: true });

  /**
   * @param host - whose key it is.
   * @param use - is given the key before the text is checked again.
   */
  constructor(host: string, use: (key: string) => void) {
    const form = make(
      'form',
      {},
      this.#title,
      this.#advice,
      make('label', { htmlFor: 'key' }, 'API key'),
      this.#field,
      make(
        'p',
        { className: 'quiet' },
        `Sent to ${host} only, and forgotten when this page is left or loaded again.`,
      ),
      this.#buttons(),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      use(this.#field.value.trim());
      this.#dialog.close();
      checkAgain();
    });
    // The dialog opens again with the next refusal; the key is not to be read there.
    this.#dialog.addEventListener('close', () => {
      this.#field.value = '';
    });
    Object.assign(this.#field, { autocomplete: 'off', spellcheck: false });
    this.#dialog.setAttribute('aria-labelledby', 'key-title');
    this.#dialog.setAttribute('aria-describedby', 'key-advice');
    this.#dialog.append(form);
    document.body.append(this.#dialog);
  }

  /** Opens it, unless it is open, and says why. */
  ask({ title, advice }: Failure): void {
    this.#title.textContent = title;
    this.#advice.textContent = advice;
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #buttons(): HTMLElement {
    const use = make('button', { id: 'key-use', className: 'primary' }, 'Use this key');
    const close = make('button', { type: 'button', className: 'plain' }, 'Not now');
    close.addEventListener('click', () => this.#dialog.close());
    return make('div', { className: 'row' }, use, close);
  }
}

/** By the button of the view that is open. */
function checkAgain(): void {
  const { view } = document.documentElement.dataset;
  document.getElementById(view === 'files' ? 'batch-run' : 'check')?.click();
}
