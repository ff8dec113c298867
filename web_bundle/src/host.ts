import { locate, type Place } from './catalogue.js';
import { type Artifact, artifactOf, type Fallback } from './detection.js';
import type { WantedFile } from './download.js';
import { Engine, type LoadedRuntime } from './engine.js';
import { asDetectorError, DetectorError } from './errors.js';
import { type ArtifactFile, type Manifest, modelFile, parseManifest } from './manifest.js';
import type { OnProgress } from './progress.js';
import type { LoadOrder } from './protocol.js';
import type { Score, Scorer } from './scorer.js';
import { requireSignature, SIGNATURE_FILE } from './signature.js';
import type * as Tokens from './tokens.js';

/** Browsers compile what runs for the first time: better while loading than in the first answer. */
const WARM_UP = 'Words to warm up with: naïve, “quoted”, and 3 more.';

/** What loads one artifact and scores texts with it, in this thread or in another. */
export interface Host extends Scorer {
  /** @throws DetectorError as `createDetector`. */
  load(order: LoadOrder, onProgress: OnProgress): Promise<Artifact>;
}

/** Gives a file's bytes, verified. */
export type FetchFile = (file: WantedFile) => Promise<Uint8Array<ArrayBuffer>>;

/** What a host needs of the place where it runs. */
export interface Platform {
  readonly thread: Artifact['thread'];
  text(url: string): Promise<string>;
  file(file: WantedFile, cached: boolean, onProgress: OnProgress): Promise<Uint8Array<ArrayBuffer>>;
  /** The runtime that needs nothing but a processor. */
  processor(order: LoadOrder, fetchFile: FetchFile): Promise<LoadedRuntime>;
  /** The engine on the graphics card. @throws DetectorError where there is no use of one. */
  graphics(order: LoadOrder, parts: Parts, fetchFile: FetchFile): Promise<Engine>;
  readonly tokensInput: typeof Tokens.tokensInput;
}

/** An artifact, verified. */
export interface Parts {
  readonly manifest: Manifest;
  readonly model: Uint8Array;
  readonly tokens: Tokens.TokensInput | null;
}

/** A host in this thread. */
export class LocalHost implements Host {
  readonly #platform: Platform;
  #engine: Engine | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async load(order: LoadOrder, onProgress: OnProgress): Promise<Artifact> {
    const fetchFile: FetchFile = (file) => this.#platform.file(file, order.cached, onProgress);
    const processor = () => this.#platform.processor(order, fetchFile);
    // Where the graphics card may do without it, it is not fetched yet.
    const [parts, early] = await Promise.all([
      partsOf(this.#platform, order, fetchFile),
      usesGraphics(order) ? undefined : processor(),
    ]);
    onProgress({ phase: 'load', step: 'session' });
    const fallbacks: Fallback[] = [];
    const engine =
      (early ? undefined : await this.#onGraphics(order, parts, fetchFile, fallbacks)) ??
      (await Engine.load(early ?? (await processor()), parts));
    onProgress({ phase: 'load', step: 'warm_up' });
    await engine.score([WARM_UP], false);
    this.#engine = engine;
    onProgress({ phase: 'ready' });
    const { thread } = this.#platform;
    return artifactOf(parts.manifest, { provider: engine.provider, thread, fallbacks });
  }

  async score(texts: readonly string[], tokenLevel: boolean): Promise<Score[]> {
    if (this.#engine === undefined) throw new DetectorError('runtime_failed', 'nothing is loaded');
    return this.#engine.score(texts, tokenLevel);
  }

  async close(): Promise<void> {
    await this.#engine?.close();
  }

  /** Undefined, with the reason among the fallbacks, where the graphics card is of no use. */
  async #onGraphics(
    order: LoadOrder,
    parts: Parts,
    fetchFile: FetchFile,
    fallbacks: Fallback[],
  ): Promise<Engine | undefined> {
    try {
      return await this.#platform.graphics(order, parts, fetchFile);
    } catch (cause) {
      const { code, message } = asDetectorError(cause, 'runtime_failed');
      fallbacks.push({ backend: 'webgpu', reason: `${code}: ${message}` });
      return undefined;
    }
  }
}

/** What an artifact is, and how its files are had. */
export interface Described {
  readonly manifest: Manifest;
  readonly fetched: (file: ArtifactFile) => Promise<Uint8Array<ArrayBuffer>>;
}

/** The parts of the artifact that the order names, all but the runtime. */
async function partsOf(platform: Platform, order: LoadOrder, fetchFile: FetchFile): Promise<Parts> {
  const { manifest, fetched } = await described(platform, order, fetchFile);
  const [model, tokens] = await Promise.all([
    fetched(modelFile(manifest)),
    manifest.input.kind === 'text' ? null : platform.tokensInput(manifest, fetched),
  ]);
  return { manifest, model, tokens };
}

/** The artifact that the order names, by its manifest. */
export async function described(
  platform: Platform,
  order: LoadOrder,
  fetchFile: FetchFile,
): Promise<Described> {
  const place = await locate(order.source, (url) => platform.text(url));
  const text = await platform.text(place.manifestUrl);
  if (order.publicKey !== null) {
    const signature = await signatureOf(platform, place);
    await requireSignature(text, signature, order.publicKey);
  }
  const manifest = parseManifest(text, order.expectedDigest ?? place.digest);
  const fetched = (file: ArtifactFile) =>
    fetchFile({ url: place.file(file.path), sha256: file.sha256, bytes: file.bytes });
  return { manifest, fetched };
}

function signatureOf(platform: Platform, place: Place): Promise<string> {
  return platform.text(place.file(SIGNATURE_FILE)).catch((cause: unknown) => {
    throw new DetectorError('not_signed', 'the manifest has no signature', { cause });
  });
}

function usesGraphics({ device }: LoadOrder): boolean {
  return device === 'webgpu' || device === 'auto';
}
