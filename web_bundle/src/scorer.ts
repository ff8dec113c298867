import { type Artifact, type Detection, detectionOf } from './detection.js';
import { DetectorError } from './errors.js';

/** A probability and what it took. */
export interface Score {
  readonly probability: number;
  /** Tokenising included. */
  readonly normalizeMs: number;
  /** A run that several windows share counts for each with its part. */
  readonly runMs: number;
  /** Of the text itself, without special ones; null where the graph reads text. */
  readonly tokens: number | null;
  readonly windows: number;
}

/** What scores texts: an engine in this thread, or one behind a worker. */
export interface Scorer {
  /** One score per text, in order. */
  score(texts: readonly string[]): Promise<Score[]>;
  close(): Promise<void>;
}

/** Options of one call. */
export interface DetectOptions {
  /** Rejects the call with code `aborted`. */
  readonly signal?: AbortSignal;
}

/** A loaded model that answers for texts. */
export interface Detector {
  /** What was verified and loaded. */
  readonly artifact: Artifact;
  /** @throws DetectorError `aborted` or `runtime_failed`. */
  detect(text: string, options?: DetectOptions): Promise<Detection>;
  detect(texts: readonly string[], options?: DetectOptions): Promise<Detection[]>;
  /** Frees memory. Calls under way reject with code `aborted`. */
  dispose(): Promise<void>;
}

/** A detector that asks `scorer`. */
export class ScoringDetector implements Detector {
  readonly artifact: Artifact;
  readonly #scorer: Scorer;
  readonly #lifetime = new AbortController();

  constructor(artifact: Artifact, scorer: Scorer) {
    this.artifact = artifact;
    this.#scorer = scorer;
  }

  detect(text: string, options?: DetectOptions): Promise<Detection>;
  detect(texts: readonly string[], options?: DetectOptions): Promise<Detection[]>;
  async detect(
    input: string | readonly string[],
    options: DetectOptions = {},
  ): Promise<Detection | Detection[]> {
    const single = typeof input === 'string';
    const detections = await this.#detectAll(single ? [input] : input, options.signal);
    return single ? only(detections) : detections;
  }

  async dispose(): Promise<void> {
    if (this.#lifetime.signal.aborted) return;
    this.#lifetime.abort();
    await this.#scorer.close();
  }

  async #detectAll(texts: readonly string[], signal?: AbortSignal): Promise<Detection[]> {
    const signals = [this.#lifetime.signal, ...(signal === undefined ? [] : [signal])];
    const started = performance.now();
    const scores = await unlessAborted(signals, () => this.#scorer.score(texts));
    const elapsed = performance.now() - started;
    return scores.map((score) => detectionOf(this.artifact, score, elapsed));
  }
}

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new DetectorError('runtime_failed', 'the engine gave no score');
  return item;
}

async function unlessAborted<T>(
  signals: readonly AbortSignal[],
  task: () => Promise<T>,
): Promise<T> {
  if (signals.some((signal) => signal.aborted)) throw aborted();
  const ended = new AbortController();
  const abortion = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      signal.addEventListener('abort', () => reject(aborted()), { signal: ended.signal });
    }
  });
  try {
    return await Promise.race([task(), abortion]);
  } finally {
    ended.abort();
  }
}

function aborted(): DetectorError {
  return new DetectorError('aborted', 'the call was aborted, or the detector disposed');
}
