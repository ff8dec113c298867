import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { artifactOf } from './detection.js';
import { requireDigest } from './digest.js';
import { configureWasm, Engine, type Provider, type Runtime } from './engine.js';
import { asDetectorError, DetectorError } from './errors.js';
import { type ArtifactFile, type Manifest, modelFile, parseManifest } from './manifest.js';
import { NORMALIZERS } from './normalizers.js';
import { type Detector, ScoringDetector } from './scorer.js';
import type { TokenizedText, TokensInput } from './tokens.js';
import { WASM_FILE, WASM_SHA256 } from './wasm.js';

export type { Caution } from './cautions.js';
export type { Artifact, Detection, DetectionMetadata, JudgedSegment } from './detection.js';
export { DetectorError, type ErrorCode, isDetectorError } from './errors.js';
export type { Manifest } from './manifest.js';
export { norm1 } from './norm1.js';
export type { DetectOptions, Detector } from './scorer.js';
export { countWords, type Segment, segments } from './segments.js';
export type { TokenizedText } from './tokens.js';

/** The packages that can run a graph in Node; `onnxruntime-node` is the caller's to install. */
export type RuntimeName = 'onnxruntime-web' | 'onnxruntime-node';

/** Which artifact. */
export type ArtifactOnDisk = ({ readonly folder: string } | { readonly manifestPath: string }) & {
  /** Refuse any artifact but this one. */
  readonly expectedDigest?: string;
};

/** Which artifact to load, and with what. */
export type NodeDetectorOptions = ArtifactOnDisk & {
  /** `onnxruntime-web` unless said otherwise: the same WebAssembly as in the browser. */
  readonly runtime?: RuntimeName;
};

interface LoadedRuntime {
  readonly runtime: Runtime;
  readonly provider: Provider;
}

const RUNTIMES: Record<RuntimeName, () => Promise<LoadedRuntime>> = {
  'onnxruntime-web': loadWasmRuntime,
  'onnxruntime-node': loadNativeRuntime,
};

/**
 * Loads an artifact from disk into this thread; every file is verified before it is used.
 *
 * @throws DetectorError `fetch_failed`, `bad_manifest`, `digest_mismatch`, `unsupported_model` or
 *   `runtime_failed`.
 */
export async function createNodeDetector(options: NodeDetectorOptions): Promise<Detector> {
  const { manifest, file, tokens } = await readArtifact(options);
  const model = await file(modelFile(manifest));
  const { runtime, provider } = await RUNTIMES[options.runtime ?? 'onnxruntime-web']();
  const engine = await Engine.load(runtime, manifest, model, provider, tokens);
  return new ScoringDetector(artifactOf(manifest, provider), engine);
}

/**
 * What turns a text into token ids and windows, as the artifact's graph reads them: docs/windows.md.
 *
 * @throws DetectorError as `createNodeDetector`; `unsupported_model` where the graph reads text.
 */
export async function createNodeTokenizer(
  options: ArtifactOnDisk,
): Promise<(text: string) => TokenizedText> {
  const { manifest, tokens } = await readArtifact(options);
  if (tokens === null) {
    throw new DetectorError('unsupported_model', `${manifest.model_id} reads text, not tokens`);
  }
  const normalize = NORMALIZERS[manifest.input.normalizer];
  return (text) => tokens.tokenized(normalize(text));
}

interface ReadArtifact {
  readonly manifest: Manifest;
  readonly tokens: TokensInput | null;
  /** The bytes of one of its files, verified. */
  file(entry: ArtifactFile): Promise<Uint8Array>;
}

async function readArtifact(options: ArtifactOnDisk): Promise<ReadArtifact> {
  const manifestPath =
    'folder' in options ? join(options.folder, 'manifest.json') : options.manifestPath;
  const text = (await read(manifestPath)).toString('utf8');
  const manifest = parseManifest(text, options.expectedDigest);
  const file = ({ path, sha256 }: ArtifactFile) =>
    readVerified(join(dirname(manifestPath), path), sha256);
  const tokens = manifest.input.kind === 'text' ? null : await tokensOf(manifest, file);
  return { manifest, file, tokens };
}

async function tokensOf(manifest: Manifest, file: ReadArtifact['file']): Promise<TokensInput> {
  const { tokensInput } = await import('./tokens.js');
  return tokensInput(manifest, file).catch((cause: unknown) => {
    throw asDetectorError(cause, 'runtime_failed');
  });
}

async function loadWasmRuntime(): Promise<LoadedRuntime> {
  const runtime = await import('onnxruntime-web');
  const path = createRequire(import.meta.url).resolve(`onnxruntime-web/${WASM_FILE}`);
  configureWasm(runtime.env, await readVerified(path, WASM_SHA256));
  return { runtime, provider: 'wasm' };
}

async function loadNativeRuntime(): Promise<LoadedRuntime> {
  return { runtime: await import('onnxruntime-node'), provider: 'cpu' };
}

async function readVerified(path: string, digest: string): Promise<Uint8Array> {
  const bytes = await read(path);
  requireDigest(path, digest, createHash('sha256').update(bytes).digest('hex'));
  return bytes;
}

async function read(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', `${path} could not be read`, { cause });
  });
}
