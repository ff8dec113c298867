import type { Detection } from './detection.js';
import { asDetectorError, DetectorError } from './errors.js';
import type { ApiKey, ArtifactOptions } from './options.js';
import type { DetectOptions } from './scorer.js';
import { SIGNATURE_FILE } from './signature.js';
import { folderUrl } from './urls.js';

/** Texts of one request; servers take 128 at most unless told otherwise. */
const BATCH = 64;

/** Stands for the text where a server is only asked what a caller may run itself. */
const NO_TEXT = 'Which model may be run here, and where are its files? '.repeat(10);

/** What a server says a caller needs to run a model itself: docs/architecture.md. */
interface Delegation {
  readonly manifest_url: string;
  readonly files: readonly { readonly path: string; readonly url: string }[];
  readonly digest: string;
}

/** `server_failed`, where the server did answer: with a status, and with reasons. */
export class ServerRefusal extends DetectorError {
  /** Of HTTP: 401 where it asks for another key, 403 where the key lacks a scope, 429 above a rate limit. */
  readonly status: number;
  /** Seconds after which it may be asked again; null where it does not say. */
  readonly retryAfter: number | null;

  constructor(message: string, status: number, retryAfter: number | null) {
    super('server_failed', message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

interface Answer extends Detection {
  readonly metadata: Detection['metadata'] & { readonly delegation?: Delegation | null };
}

/** The routes of a Samegraph server that a detector needs. */
export class ServerClient {
  readonly #base: URL;
  readonly #model: string | undefined;
  readonly #key: () => string | undefined;

  /** @param base - where the server is mounted; routes are beneath it. */
  constructor(base: string | URL, model: string | undefined, apiKey: ApiKey | undefined) {
    this.#base = new URL(folderUrl(base));
    this.#model = model;
    this.#key = typeof apiKey === 'function' ? apiKey : () => apiKey;
  }

  /**
   * One answer per text, in order.
   *
   * @throws ServerRefusal with the server's own code in its message.
   * @throws DetectorError `server_failed` or `aborted`.
   */
  async predict(texts: readonly string[], options: DetectOptions): Promise<Detection[]> {
    const wishes = {
      explain: options.explain ?? false,
      threshold: options.threshold,
      max_false_positive_rate: options.maxFalsePositiveRate,
    };
    const answers: Detection[] = [];
    for (let start = 0; start < texts.length; start += BATCH) {
      const part = texts.slice(start, start + BATCH);
      answers.push(...(await this.#predictPart(part, wishes, options.signal)));
    }
    return answers;
  }

  /**
   * Which artifact may run here, and where the server has it. No text of the caller is sent.
   *
   * @throws DetectorError `server_failed`, also where the server delegates nothing.
   */
  async delegated(): Promise<ArtifactOptions> {
    const wishes = { prefer_backend: 'client_side', client_capabilities: ['client_side'] };
    const answer = await this.#post<Answer>('predict', { text: NO_TEXT, ...wishes });
    const { delegation, fallbacks } = answer.metadata;
    if (!delegation) {
      const reasons = fallbacks.map(({ reason }) => reason).join('; ');
      throw new DetectorError('server_failed', `the server delegates no model: ${reasons}`);
    }
    const { manifest_url, files, digest } = delegation;
    const at = (path: string) => {
      const file = files.find((file) => file.path === path);
      return file && new URL(file.url, this.#base).href;
    };
    const [modelUrl, tokenizerUrl] = [at('model.onnx'), at('tokenizer.json')];
    const signature = `${manifest_url}/download?file=${SIGNATURE_FILE}`;
    return {
      manifestUrl: new URL(manifest_url, this.#base).href,
      signatureUrl: new URL(signature, this.#base).href,
      expectedDigest: digest,
      ...(modelUrl && { modelUrl }),
      ...(tokenizerUrl && { tokenizerUrl }),
    };
  }

  async #predictPart(
    texts: readonly string[],
    wishes: object,
    signal: AbortSignal | undefined,
  ): Promise<Detection[]> {
    const [text] = texts;
    if (texts.length === 1)
      return [judged(await this.#post('predict', { text, ...wishes }, signal))];
    const body = { texts, ...wishes };
    const { results } = await this.#post<{ results: unknown[] }>('batch-predict', body, signal);
    return results.map(judged);
  }

  async #post<T>(route: string, content: object, signal?: AbortSignal): Promise<T> {
    const url = new URL(route, this.#base);
    try {
      const response = await fetch(url, {
        method: 'POST',
        ...keyed(this.#key()),
        body: JSON.stringify({ ...content, model_id: this.#model }),
        ...(signal && { signal }),
      });
      if (!response.ok) throw await refusal(response);
      return await response.json();
    } catch (cause) {
      if (signal?.aborted) throw new DetectorError('aborted', 'the call was aborted', { cause });
      throw asDetectorError(cause, 'server_failed');
    }
  }
}

/** What a request with this key says of itself; with one, it follows nobody elsewhere. */
export function keyed(key: string | undefined): Pick<RequestInit, 'headers' | 'redirect'> {
  const type = { 'content-type': 'application/json' };
  if (!key) return { headers: type };
  return { headers: { ...type, authorization: `Bearer ${key}` }, redirect: 'error' };
}

/** What a response other than 2xx says. */
export async function refusal(response: Response): Promise<ServerRefusal> {
  const { status, headers } = response;
  const problem: unknown = await response.json().catch(() => undefined);
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  const message = refused(problem, `HTTP ${status}`);
  return new ServerRefusal(message, status, Number.isNaN(seconds) ? null : seconds);
}

/** Problem details (RFC 9457) with a `code`, in words; `otherwise` where they are none. */
function refused(problem: unknown, otherwise: string): string {
  const { code, detail } = Object(problem) as { code?: unknown; detail?: unknown };
  const reason = typeof code === 'string' ? `${code}: ${String(detail)}` : otherwise;
  return `the server answered ${reason}`;
}

function judged(item: unknown): Detection {
  const { error, probability } = Object(item) as { error?: unknown; probability?: unknown };
  if (error) throw new DetectorError('server_failed', refused(error, 'an error'));
  if (typeof probability === 'number') return item as Detection;
  throw new DetectorError('server_failed', 'the server answered without a probability');
}
