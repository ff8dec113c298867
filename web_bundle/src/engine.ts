import type * as Ort from 'onnxruntime-web/wasm';
import type { Batch } from './batches.js';
import type { Provider } from './detection.js';
import { DetectorError } from './errors.js';
import type { Parts } from './host.js';
import { NORMALIZERS } from './normalizers.js';
import type { Score, Scorer } from './scorer.js';
import { Serial } from './serial.js';
import { TOKEN_LOG_PROBABILITIES } from './token_log_probabilities.js';
import type { BatchAnswer, TokensInput } from './tokens.js';

/** What an engine needs of onnxruntime-web, onnxruntime-node or another of the family. */
export type Runtime = Pick<typeof Ort, 'InferenceSession' | 'Tensor'>;

/** A member of the family, ready to load graphs for `provider`. */
export interface LoadedRuntime {
  readonly runtime: Runtime;
  readonly provider: Provider;
}

/**
 * Hands onnxruntime-web its WebAssembly, which it would otherwise look up by a path of its own.
 *
 * One thread: more need a page that is isolated from other origins, and each loads the worker again.
 */
export function configureWasm(env: Ort.Env, wasm: Uint8Array): void {
  env.logLevel = 'error';
  env.wasm.numThreads = 1;
  env.wasm.wasmBinary = wasm;
}

/** One loaded graph. The only place that runs onnxruntime. */
export class Engine implements Scorer {
  readonly provider: Provider;
  readonly #runtime: Runtime;
  readonly #session: Ort.InferenceSession;
  readonly #normalize: (text: string) => string;
  readonly #tokens: TokensInput | null;
  readonly #serial = new Serial();

  private constructor(
    { runtime, provider }: LoadedRuntime,
    session: Ort.InferenceSession,
    parts: Parts,
  ) {
    this.provider = provider;
    this.#runtime = runtime;
    this.#session = session;
    this.#normalize = NORMALIZERS[parts.manifest.input.normalizer];
    this.#tokens = parts.tokens;
  }

  /** @throws DetectorError `runtime_failed`. */
  static async load(loaded: LoadedRuntime, parts: Parts): Promise<Engine> {
    const { InferenceSession } = loaded.runtime;
    const options = { executionProviders: [loaded.provider] };
    const session = await InferenceSession.create(parts.model, options).catch(failed);
    return new Engine(loaded, session, parts);
  }

  /** @throws DetectorError `runtime_failed`. */
  score(texts: readonly string[], tokenLevel: boolean): Promise<Score[]> {
    return this.#serial.run(() => this.#scoreAll(texts, tokenLevel).catch(failed));
  }

  close(): Promise<void> {
    return this.#serial.run(() => this.#session.release());
  }

  async #scoreAll(texts: readonly string[], tokenLevel: boolean): Promise<Score[]> {
    if (this.#tokens !== null) {
      return this.#tokens.score(
        texts,
        this.#normalize,
        (batch, asks) => this.#runBatch(batch, asks),
        tokenLevel,
      );
    }
    const scores: Score[] = [];
    for (const text of texts) scores.push(await this.#scoreOne(text));
    return scores;
  }

  async #scoreOne(text: string): Promise<Score> {
    const started = performance.now();
    const normal = this.#normalize(text);
    const normalized = performance.now();
    const feeds = { text: new this.#runtime.Tensor('string', [normal], [1]) };
    const { probability } = await this.#session.run(feeds, ['probability']);
    return {
      probability: given(floats(probability)[0]),
      normalizeMs: normalized - started,
      runMs: performance.now() - normalized,
      tokens: null,
      windows: 1,
      tokenLogProbabilities: null,
    };
  }

  async #runBatch(batch: Batch, tokenLevel: boolean): Promise<BatchAnswer> {
    const { Tensor } = this.#runtime;
    const { inputIds, attentionMask, shape } = batch;
    const feeds = {
      input_ids: new Tensor('int64', inputIds, shape),
      attention_mask: new Tensor('int64', attentionMask, shape),
    };
    const outputs = ['probability', ...(tokenLevel ? [TOKEN_LOG_PROBABILITIES] : [])];
    const found = await this.#session.run(feeds, outputs);
    return {
      probabilities: floats(found.probability),
      tokenLogProbabilities: tokenLevel ? floats(found[TOKEN_LOG_PROBABILITIES]) : null,
    };
  }
}

function floats(output: Ort.Tensor | undefined): Float32Array {
  return given(output).data as Float32Array;
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the graph gave too few outputs');
  return value;
}

/** How onnxruntime, and WebAssembly below it, say that memory cannot grow. */
const NO_MEMORY = /bad_alloc|failed to allocate|could not allocate|out of memory/i;

function failed(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (NO_MEMORY.test(message)) {
    const advice = 'the model needs more memory than there is: use a smaller one, or a server';
    throw new DetectorError('out_of_memory', `${advice} (${message})`, { cause });
  }
  throw new DetectorError('runtime_failed', message, { cause });
}
