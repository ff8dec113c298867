// A script of its own, loaded only for artifacts that read tokens: the others import its types alone.
import { type Batch, batchOf, groups } from './batches.js';
import { asDetectorError, DetectorError } from './errors.js';
import type { ArtifactFile, Manifest } from './manifest.js';
import type { Score } from './scorer.js';
import { type Tokenize, tokenizerOf } from './tokenizer.js';
import { type Encoding, encodings, pooled, type WindowSpec } from './windows.js';

const TOKENIZER_FILE = 'tokenizer.json';

/** Probabilities of a batch's windows, in order. */
export type RunBatch = (batch: Batch) => Promise<ArrayLike<number>>;

/** A text's token ids, without special ones, and its windows as the graph reads them. */
export interface TokenizedText {
  readonly ids: readonly number[];
  readonly windows: readonly Encoding[];
}

interface Prepared extends TokenizedText {
  readonly normalizeMs: number;
}

interface Answer {
  readonly probability: number;
  readonly runMs: number;
}

/**
 * What feeds the graph of an artifact of kind tokens; `file` gives a file's bytes, verified.
 *
 * @throws DetectorError `bad_manifest`, `unsupported_model`, or that of `file`.
 */
export async function tokensInput(
  { model_id, files, input }: Manifest,
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
    return new TokensInput(input, tokenizerOf(bytes));
  } catch (cause) {
    throw asDetectorError(cause, 'unsupported_model');
  }
}

function hasWindows(input: Manifest['input']): input is WindowSpec {
  return Boolean(input.window && input.special_tokens);
}

/** How texts reach a graph that reads tokens: docs/windows.md. */
export class TokensInput {
  readonly #spec: WindowSpec;
  readonly #tokenize: Tokenize;

  constructor(spec: WindowSpec, tokenize: Tokenize) {
    this.#spec = spec;
    this.#tokenize = tokenize;
  }

  /** A normal form, tokenised and cut. */
  tokenized(normal: string): TokenizedText {
    const ids = this.#tokenize(normal);
    return { ids, windows: encodings(ids, this.#spec) };
  }

  /** One score per text, in order; windows of all texts share runs. */
  async score(
    texts: readonly string[],
    normalize: (text: string) => string,
    run: RunBatch,
  ): Promise<Score[]> {
    const prepared = texts.map((text) => this.#prepare(text, normalize));
    const windows = prepared.flatMap((text) => text.windows);
    const answers = await this.#answers(windows, run);
    return prepared.map((text) => this.#scoreOf(text, answers.splice(0, text.windows.length)));
  }

  #prepare(text: string, normalize: (text: string) => string): Prepared {
    const started = performance.now();
    const tokenized = this.tokenized(normalize(text));
    return { ...tokenized, normalizeMs: performance.now() - started };
  }

  async #answers(windows: readonly Encoding[], run: RunBatch): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const group of groups(windows)) {
      const started = performance.now();
      const members = group.map((index) => windows[index] as Encoding);
      const probabilities = await run(batchOf(members, this.#spec.special_tokens.pad));
      const runMs = (performance.now() - started) / group.length;
      for (const [row, index] of group.entries()) {
        answers[index] = { probability: required(probabilities[row]), runMs };
      }
    }
    return answers;
  }

  #scoreOf({ ids, windows, normalizeMs }: Prepared, answers: readonly Answer[]): Score {
    const probability = pooled(
      answers.map((answer) => answer.probability),
      windows.map(({ content }) => content),
      this.#spec.window,
    );
    const runMs = answers.reduce((total, answer) => total + answer.runMs, 0);
    return { probability, normalizeMs, runMs, tokens: ids.length, windows: windows.length };
  }
}

function required(probability: number | undefined): number {
  if (probability === undefined) throw new Error('the graph gave too few probabilities');
  return probability;
}
