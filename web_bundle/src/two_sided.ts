import { aborted, unlessAborted } from './abort.js';
import type { Artifact, Detection } from './detection.js';
import type { ArtifactOptions, ServerOptions } from './options.js';
import type { DetectOptions, Detector, HybridDetector } from './scorer.js';
import { ServerClient } from './server_client.js';
import { firstAnswer, type Side, sidesOf } from './sides.js';

/** Loads the artifact that the options name, here. */
export type Open<Options> = (options: Options) => Promise<Detector>;

/**
 * A detector of a server and of this side.
 *
 * The model is loaded when this side is first to judge a text; in `only_client` and `prefer_client`, at once.
 *
 * @throws DetectorError in `only_client`, where the model does not load.
 */
export async function twoSided<Options extends ArtifactOptions & ServerOptions>(
  options: Options,
  open: Open<Options>,
): Promise<HybridDetector> {
  const detector = new TwoSided(options, open);
  const [first, second] = sidesOf(options.mode ?? 'prefer_client');
  if (first === 'client_side') {
    const loading = detector.load();
    if (second === undefined) await loading;
    else loading.catch(() => undefined); // whoever asks for an answer loads again, or falls over
  }
  return detector;
}

class TwoSided<Options extends ArtifactOptions & ServerOptions> implements HybridDetector {
  readonly #options: Options;
  readonly #open: Open<Options>;
  readonly #sides: readonly Side[];
  readonly #server: ServerClient;
  readonly #lifetime = new AbortController();
  #client: Promise<Detector> | undefined;
  #artifact: Artifact | null = null;

  constructor(options: Options, open: Open<Options>) {
    this.#options = options;
    this.#open = open;
    this.#sides = sidesOf(options.mode ?? 'prefer_client');
    this.#server = new ServerClient(options.server, options.model, options.apiKey);
  }

  get artifact(): Artifact | null {
    return this.#artifact;
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

  /** The detector of this side. What failed to load is tried again by the next call. */
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
    if (options.signal.aborted) throw aborted();
    if (side === 'server') return this.#server.predict(texts, options);
    // Loading itself goes on, for later calls.
    const client = await unlessAborted([options.signal], () => this.load());
    return client.detect(texts, options);
  }

  async #create(): Promise<Detector> {
    const { manifestUrl, baseUrl } = this.#options;
    const named = manifestUrl !== undefined || baseUrl !== undefined;
    const detector = await this.#open(
      named ? this.#options : { ...this.#options, ...(await this.#server.delegated()) },
    );
    this.#artifact = detector.artifact;
    return detector;
  }
}
