// A script of its own, loaded only for artifacts that read tokens: the others import its types alone.
import { type Batch, batchOf, groups } from './batches.js';
import { asDetectorError, DetectorError } from './errors.js';
import type { ArtifactFile, Manifest } from './manifest.js';
import type { Score } from './scorer.js';
import {
  TOKEN_LOG_PROBABILITIES,
  type TokenLogProbabilities,
  tokenPlaces,
} from './token_log_probabilities.js';
import { type TextTokenizer, tokenizerOf } from './tokenizer.js';
import { type Encoding, encodings, pooled, type WindowSpec, windowBounds } from './windows.js';

const TOKENIZER_FILE = 'tokenizer.json';

/** What the graph gives for a batch's windows, in order. */
export interface BatchAnswer {
  readonly probabilities: ArrayLike<number>;
  /** Window after window, each one less than the batch is wide; null where not asked for. */
  readonly tokenLogProbabilities: Float32Array | null;
}

/** One run of the graph. */
export type RunBatch = (batch: Batch, tokenLevel: boolean) => Promise<BatchAnswer>;

/** A text's token ids, without special ones, and its windows as the graph reads them. */
export interface TokenizedText {
  readonly ids: readonly number[];
  readonly windows: readonly Encoding[];
}

interface Prepared extends TokenizedText {
  readonly places: readonly number[] | null;
  readonly normalizeMs: number;
}

interface Answer {
  readonly probability: number;
  readonly logProbabilities: Float32Array | null;
  readonly runMs: number;
}

/**
 * What feeds the graph of an artifact of kind tokens; `file` gives a file's bytes, verified.
 *
 * @throws DetectorError `bad_manifest`, `unsupported_model`, or that of `file`.
 */
export async function tokensInput(
  { model_id, files, input, outputs }: Manifest,
  file: (entry: ArtifactFile) => Promise<Uint8Array>,
): Promise<TokensInput> {
  if (input.companions?.length) {
    throw new DetectorError(
      'unsupported_model',
      `${model_id} reads several encodings of a text (input.companions); run it on a server`,
    );
  }
  const entry = files.find(({ path }) => path === TOKENIZER_FILE);
  if (entry === undefined) {
    throw new DetectorError('bad_manifest', `${TOKENIZER_FILE} is not listed`);
  }
  if (!hasWindows(input)) throw new DetectorError('bad_manifest', 'manifest: input has no windows');
  const bytes = await file(entry);
  try {
    return new TokensInput(input, tokenizerOf(bytes), knowsTokens(input, outputs));
  } catch (cause) {
    throw asDetectorError(cause, 'unsupported_model');
  }
}

function hasWindows(input: Manifest['input']): input is WindowSpec {
  return Boolean(input.window && input.special_tokens);
}

function knowsTokens(input: WindowSpec, outputs: Manifest['outputs']): boolean {
  return (
    outputs.some(({ name }) => name === TOKEN_LOG_PROBABILITIES) &&
    input.normalizer === 'identity' && // others move characters
    input.special_tokens.prefix.length > 0 // else nothing foretells the first token
  );
}

/** How texts reach a graph that reads tokens: docs/windows.md. */
export class TokensInput {
  readonly #spec: WindowSpec;
  readonly #tokenizer: TextTokenizer;
  readonly #knowsTokens: boolean;

  /** @param knowsTokens - whether the graph says how probable each token of a text is. */
  constructor(spec: WindowSpec, tokenizer: TextTokenizer, knowsTokens: boolean) {
    this.#spec = spec;
    this.#tokenizer = tokenizer;
    this.#knowsTokens = knowsTokens;
  }

  /** A normal form, tokenised and cut. */
  tokenized(normal: string): TokenizedText {
    const ids = this.#tokenizer.ids(normal);
    return { ids, windows: encodings(ids, this.#spec) };
  }

  /** One score per text, in order; windows of all texts share runs. */
  async score(
    texts: readonly string[],
    normalize: (text: string) => string,
    run: RunBatch,
    tokenLevel: boolean,
  ): Promise<Score[]> {
    const asks = tokenLevel && this.#knowsTokens;
    const prepared = texts.map((text) => this.#prepare(normalize, text, asks));
    const windows = prepared.flatMap((text) => text.windows);
    const answers = await this.#answers(windows, (batch) => run(batch, asks));
    return prepared.map((text) => this.#scoreOf(text, answers.splice(0, text.windows.length)));
  }

  #prepare(normalize: (text: string) => string, text: string, asks: boolean): Prepared {
    const started = performance.now();
    const normal = normalize(text);
    const tokenized = this.tokenized(normal);
    const lengths = () => tokenized.ids.map((id) => this.#tokenizer.length(id));
    const places = asks ? tokenPlaces(normal, lengths()) : null;
    return { ...tokenized, places, normalizeMs: performance.now() - started };
  }

  async #answers(
    windows: readonly Encoding[],
    run: (batch: Batch) => Promise<BatchAnswer>,
  ): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const group of groups(windows)) {
      const started = performance.now();
      const members = group.map((index) => windows[index] as Encoding);
      const batch = batchOf(members, this.#spec.special_tokens.pad);
      const { probabilities, tokenLogProbabilities } = await run(batch);
      const width = batch.shape[1] - 1;
      const runMs = (performance.now() - started) / group.length;
      for (const [row, index] of group.entries()) {
        const at = row * width;
        const logProbabilities = tokenLogProbabilities?.subarray(at, at + width) ?? null;
        answers[index] = { probability: required(probabilities[row]), logProbabilities, runMs };
      }
    }
    return answers;
  }

  #scoreOf(text: Prepared, answers: readonly Answer[]): Score {
    const { ids, windows, normalizeMs } = text;
    const probability = pooled(
      answers.map((answer) => answer.probability),
      windows.map(({ content }) => content),
      this.#spec.window,
    );
    const runMs = answers.reduce((total, answer) => total + answer.runMs, 0);
    return {
      probability,
      normalizeMs,
      runMs,
      tokens: ids.length,
      windows: windows.length,
      tokenLogProbabilities: this.#logProbabilities(text, answers),
    };
  }

  #logProbabilities(
    { ids, places }: Prepared,
    answers: readonly Answer[],
  ): TokenLogProbabilities | null {
    if (places === null) return null;
    const first = this.#spec.special_tokens.prefix.length - 1; // none for a window's first id
    const values: number[] = [];
    for (const [i, [start, end]] of windowBounds(ids.length, this.#spec.window).entries()) {
      const own = answers[i]?.logProbabilities?.subarray(first, first + end - start) ?? [];
      // A token of two windows counts in the former: more stands before it there.
      values.push(...own.slice(values.length - start));
    }
    return { places, values };
  }
}

function required(probability: number | undefined): number {
  if (probability === undefined) throw new Error('the graph gave too few probabilities');
  return probability;
}
