import type { Detection } from './detection.js';
import { createDetector, type DetectorOptions } from './detector.js';
import { DetectorError } from './errors.js';
import type { DetectOptions, Detector } from './scorer.js';
import { ServerClient } from './server_client.js';
import { firstAnswer, type Mode, type Side, sidesOf } from './sides.js';

/** A server, this page, and which of them is to judge texts. */
export interface HybridOptions extends Omit<DetectorOptions, 'manifestUrl' | 'expectedDigest'> {
  /** Where a Samegraph server is mounted. */
  readonly server: string | URL;
  /** The server's default model unless said otherwise. */
  readonly model?: string;
  /** `prefer_client` unless said otherwise. */
  readonly mode?: Mode;
  /** An artifact that does not come from the server, so that its failure leaves the client able. */
  readonly manifestUrl?: string | URL;
  readonly expectedDigest?: string;
}

/** Answers from the server or from this page. */
export interface HybridDetector {
  /** @throws DetectorError of the last side that was tried. */
  detect(text: string, options?: DetectOptions): Promise<Detection>;
  detect(texts: readonly string[], options?: DetectOptions): Promise<Detection[]>;
  /** Frees memory. Calls under way reject with code `aborted`. */
  dispose(): Promise<void>;
}

/**
 * A detector that falls over from one side to the other; answers name theirs in `backend`.
 *
 * The model is loaded when this page is first to judge a text; in `only_client` and
 * `prefer_client`, at once.
 *
 * @throws DetectorError in `only_client`, where the model does not load.
 */
export async function createHybridDetector(options: HybridOptions): Promise<HybridDetector> {
  const detector = new TwoSided(options);
  const [first, second] = sidesOf(options.mode ?? 'prefer_client');
  if (first === 'client_side') {
    const loading = detector.load();
    if (second === undefined) await loading;
    else loading.catch(() => undefined); // whoever asks for an answer loads again, or falls over
  }
  return detector;
}

class TwoSided implements HybridDetector {
  readonly #options: HybridOptions;
  readonly #sides: readonly Side[];
  readonly #server: ServerClient;
  readonly #lifetime = new AbortController();
  #client: Promise<Detector> | undefined;

  constructor(options: HybridOptions) {
    this.#options = options;
    this.#sides = sidesOf(options.mode ?? 'prefer_client');
    this.#server = new ServerClient(options.server, options.model);
  }

  detect(text: string, options?: DetectOptions): Promise<Detection>;
  detect(texts: readonly string[], options?: DetectOptions): Promise<Detection[]>;
  async detect(
    input: string | readonly string[],
    options: DetectOptions = {},
  ): Promise<Detection | Detection[]> {
    const texts = typeof input === 'string' ? [input] : input;
    const signals = [this.#lifetime.signal, ...(options.signal ? [options.signal] : [])];
    const signal = AbortSignal.any(signals);
    const answers = await firstAnswer(this.#sides, (side) =>
      this.#ask(side, texts, { ...options, signal }),
    );
    return typeof input === 'string' ? (answers[0] as Detection) : answers;
  }

  /** The detector of this page. What failed to load is tried again by the next call. */
  load(): Promise<Detector> {
    this.#client ??= this.#create().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async dispose(): Promise<void> {
    this.#lifetime.abort();
    await this.#client?.then((client) => client.dispose()).catch(() => undefined);
  }

  async #ask(
    side: Side,
    texts: readonly string[],
    options: DetectOptions & { readonly signal: AbortSignal },
  ): Promise<Detection[]> {
    if (options.signal.aborted) throw new DetectorError('aborted', 'the call was aborted');
    if (side === 'server') return this.#server.predict(texts, options);
    return (await unlessAborted(options.signal, this.load())).detect(texts, options);
  }

  async #create(): Promise<Detector> {
    const { manifestUrl, ...rest } = this.#options;
    if (manifestUrl !== undefined) return createDetector({ ...rest, manifestUrl });
    const { manifest_url, files, digest } = await this.#server.delegation();
    const at = (path: string) => {
      const file = files.find((file) => file.path === path);
      return file && this.#server.resolve(file.url);
    };
    const [modelUrl, tokenizerUrl] = [at('model.onnx'), at('tokenizer.json')];
    return createDetector({
      ...rest,
      manifestUrl: this.#server.resolve(manifest_url),
      expectedDigest: digest,
      ...(modelUrl && { modelUrl }),
      ...(tokenizerUrl && { tokenizerUrl }),
    });
  }
}

/** `work`, unless the signal comes first: loading itself goes on for later calls. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new DetectorError('aborted', 'the call was aborted'));
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
