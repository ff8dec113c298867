import { unlessAborted } from './abort.js';
import { type Artifact, type Detection, detectionOf, type JudgedSegment } from './detection.js';
import { DetectorError } from './errors.js';
import { type Segment, segments } from './segments.js';
import { thresholdOf } from './threshold.js';
import { meanIn, type TokenLogProbabilities } from './token_log_probabilities.js';

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
  /** Null where nobody asked, or the graph does not give them. */
  readonly tokenLogProbabilities: TokenLogProbabilities | null;
}

/** What scores texts: an engine in this thread, or one behind a worker. */
export interface Scorer {
  /** One score per text, in order; `tokenLevel` asks for log-probabilities of tokens, too. */
  score(texts: readonly string[], tokenLevel: boolean): Promise<Score[]>;
  close(): Promise<void>;
}

/** Options of one call. */
export interface DetectOptions {
  /** Rejects the call with code `aborted`. */
  readonly signal?: AbortSignal;
  /** Say how each part of a text would be judged alone: docs/segments.md. */
  readonly explain?: boolean;
  /** Decide at this probability instead of the model's own threshold. */
  readonly threshold?: number;
  /** Decide at the threshold that was measured to flag at most this share of human texts. */
  readonly maxFalsePositiveRate?: number;
}

/** What answers for texts. */
export interface HybridDetector {
  /** What was verified and loaded here; null while nothing is, since a server answers. */
  readonly artifact: Artifact | null;
  /**
   * One answer per text, in order.
   *
   * @throws DetectorError `aborted`, `unmeasured_rate`, or that of the last side that was tried.
   */
  detect(text: string, options?: DetectOptions): Promise<Detection>;
  detect(texts: readonly string[], options?: DetectOptions): Promise<Detection[]>;
  /** Frees memory. Calls under way reject with code `aborted`. */
  dispose(): Promise<void>;
}

/** One that runs a model here, which is loaded. */
export interface Detector extends HybridDetector {
  readonly artifact: Artifact;
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
    const detections = await this.#detectAll(single ? [input] : input, options);
    return single ? only(detections) : detections;
  }

  async dispose(): Promise<void> {
    if (this.#lifetime.signal.aborted) return;
    this.#lifetime.abort();
    await this.#scorer.close();
  }

  async #detectAll(texts: readonly string[], options: DetectOptions): Promise<Detection[]> {
    const { signal, explain = false } = options;
    const signals = [this.#lifetime.signal, ...(signal === undefined ? [] : [signal])];
    const threshold = thresholdOf(this.artifact.manifest.decision, options);
    const parts = texts.map((text) => (explain ? segments(text) : null));
    const several = parts.flatMap((segments) => segmentTexts(segments));
    const started = performance.now();
    const scores = await unlessAborted(signals, () =>
      this.#scorer.score([...texts, ...several], explain),
    );
    const elapsed = performance.now() - started;
    const rest = scores.slice(texts.length).values();
    return texts.map((text, i) => {
      const score = only(scores.slice(i, i + 1));
      const segments = judgedSegments(parts[i] ?? null, score, rest);
      return detectionOf(this.artifact, { text, score, threshold, segments }, elapsed);
    });
  }
}

/** A text that is a single segment is not judged twice. */
function segmentTexts(segments: readonly Segment[] | null): string[] {
  return segments !== null && segments.length > 1 ? segments.map(({ text }) => text) : [];
}

function judgedSegments(
  segments: readonly Segment[] | null,
  whole: Score,
  rest: Iterator<Score>,
): JudgedSegment[] | null {
  if (segments === null) return null;
  const tokens = whole.tokenLogProbabilities;
  return segments.map(({ start, end }) => {
    const score = segments.length > 1 ? rest.next().value : whole;
    const { probability } = only(score === undefined ? [] : [score]);
    return {
      start,
      end,
      probability,
      mean_log_probability: tokens && meanIn(tokens, { start, end }),
    };
  });
}

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new DetectorError('runtime_failed', 'the engine gave no score');
  return item;
}
