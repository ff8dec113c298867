import type * as Ort from 'onnxruntime-web/wasm';
import { DetectorError } from './errors.js';
import type { Manifest } from './manifest.js';
import { norm1 } from './norm1.js';
import type { Score, Scorer } from './scorer.js';
import { Serial } from './serial.js';

/** What an engine needs of onnxruntime-web, onnxruntime-node or another of the family. */
export type Runtime = Pick<typeof Ort, 'InferenceSession' | 'Tensor'>;

/** Execution providers, by onnxruntime's names. */
export type Provider = 'wasm' | 'cpu';

const NORMALIZERS: Record<Manifest['input']['normalizer'], (text: string) => string> = {
  'norm-1': norm1,
  identity: (text) => text,
};

/**
 * Hands onnxruntime-web its WebAssembly, which it would otherwise look up by a path of its own.
 *
 * One thread: a text-in graph gains nothing from more, and each would load the worker again.
 */
export function configureWasm(env: Ort.Env, wasm: Uint8Array): void {
  env.logLevel = 'error';
  env.wasm.numThreads = 1;
  env.wasm.wasmBinary = wasm;
}

/** One loaded graph. The only place that runs onnxruntime. */
export class Engine implements Scorer {
  readonly #runtime: Runtime;
  readonly #session: Ort.InferenceSession;
  readonly #normalize: (text: string) => string;
  readonly #serial = new Serial();

  private constructor(runtime: Runtime, session: Ort.InferenceSession, manifest: Manifest) {
    this.#runtime = runtime;
    this.#session = session;
    this.#normalize = NORMALIZERS[manifest.input.normalizer];
  }

  /** @throws DetectorError `unsupported_model` or `runtime_failed`. */
  static async load(
    runtime: Runtime,
    manifest: Manifest,
    model: Uint8Array,
    provider: Provider,
  ): Promise<Engine> {
    requireSupport(manifest);
    const options = { executionProviders: [provider] };
    const session = await runtime.InferenceSession.create(model, options).catch(failed);
    return new Engine(runtime, session, manifest);
  }

  /** @throws DetectorError `runtime_failed`. */
  score(texts: readonly string[]): Promise<Score[]> {
    return this.#serial.run(async () => {
      const scores: Score[] = [];
      for (const text of texts) scores.push(await this.#scoreOne(text));
      return scores;
    });
  }

  close(): Promise<void> {
    return this.#serial.run(() => this.#session.release());
  }

  async #scoreOne(text: string): Promise<Score> {
    const started = performance.now();
    const normal = this.#normalize(text);
    const normalized = performance.now();
    const probability = await this.#run(normal).catch(failed);
    return {
      probability,
      normalizeMs: normalized - started,
      runMs: performance.now() - normalized,
    };
  }

  async #run(normal: string): Promise<number> {
    const feeds = { text: new this.#runtime.Tensor('string', [normal], [1]) };
    const outputs = await this.#session.run(feeds, ['probability']);
    const probability = outputs.probability?.data[0];
    for (const tensor of Object.values(outputs)) tensor.dispose();
    if (typeof probability !== 'number') throw new Error('the graph gave no probability');
    return probability;
  }
}

function requireSupport({ model_id, input }: Manifest): void {
  if (input.kind !== 'text') {
    throw new DetectorError(
      'unsupported_model',
      `${model_id}: only text-in graphs run here so far`,
    );
  }
}

function failed(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new DetectorError('runtime_failed', message, { cause });
}
