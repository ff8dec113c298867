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

/** A text cut into windows. */
interface Cut {
  readonly tokens: number;
  readonly windows: readonly Encoding[];
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
  { files, input }: Manifest,
  file: (entry: ArtifactFile) => Promise<Uint8Array>,
): Promise<TokensInput> {
  const entry = files.find(({ path }) => path === TOKENIZER_FILE);
  if (entry === undefined)
    throw new DetectorError('bad_manifest', `${TOKENIZER_FILE} is not listed`);
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
  readonly tokenize: Tokenize;
  readonly #spec: WindowSpec;

  constructor(spec: WindowSpec, tokenize: Tokenize) {
    this.#spec = spec;
    this.tokenize = tokenize;
  }

  /** One score per text, in order; windows of all texts share runs. */
  async score(
    texts: readonly string[],
    normalize: (text: string) => string,
    run: RunBatch,
  ): Promise<Score[]> {
    const cuts = texts.map((text) => this.#cut(text, normalize));
    const answers = await this.#answers(
      cuts.flatMap(({ windows }) => windows),
      run,
    );
    let taken = 0;
    return cuts.map((cut) => {
      const start = taken;
      taken += cut.windows.length;
      return this.#scoreOf(cut, answers.slice(start, taken));
    });
  }

  #cut(text: string, normalize: (text: string) => string): Cut {
    const started = performance.now();
    const ids = this.tokenize(normalize(text));
    const windows = encodings(ids, this.#spec);
    return { tokens: ids.length, windows, normalizeMs: performance.now() - started };
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

  #scoreOf({ tokens, windows, normalizeMs }: Cut, answers: readonly Answer[]): Score {
    const probability = pooled(
      answers.map((answer) => answer.probability),
      windows.map(({ content }) => content),
      this.#spec.window,
    );
    const runMs = answers.reduce((total, answer) => total + answer.runMs, 0);
    return { probability, normalizeMs, runMs, tokens, windows: windows.length };
  }
}

function required(probability: number | undefined): number {
  if (probability === undefined) throw new Error('the graph gave too few probabilities');
  return probability;
}
