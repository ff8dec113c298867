import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { artifactOf } from './detection.js';
import { requireDigest } from './digest.js';
import { configureWasm, Engine, type Provider, type Runtime } from './engine.js';
import { DetectorError } from './errors.js';
import { modelFile, parseManifest } from './manifest.js';
import { type Detector, ScoringDetector } from './scorer.js';
import { WASM_FILE, WASM_SHA256 } from './wasm.js';

export type { Artifact, Detection, DetectionMetadata } from './detection.js';
export { DetectorError, type ErrorCode, isDetectorError } from './errors.js';
export type { Manifest } from './manifest.js';
export { norm1 } from './norm1.js';
export type { DetectOptions, Detector } from './scorer.js';

/** The packages that can run a graph in Node; `onnxruntime-node` is the caller's to install. */
export type RuntimeName = 'onnxruntime-web' | 'onnxruntime-node';

/** Which artifact to load, and with what. */
export type NodeDetectorOptions = (
  | { readonly folder: string }
  | { readonly manifestPath: string }
) & {
  /** `onnxruntime-web` unless said otherwise: the same WebAssembly as in the browser. */
  readonly runtime?: RuntimeName;
  /** Refuse any artifact but this one. */
  readonly expectedDigest?: string;
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
  const manifestPath =
    'folder' in options ? join(options.folder, 'manifest.json') : options.manifestPath;
  const text = (await read(manifestPath)).toString('utf8');
  const manifest = parseManifest(text, options.expectedDigest);
  const { path, sha256 } = modelFile(manifest);
  const model = await readVerified(join(dirname(manifestPath), path), sha256);
  const { runtime, provider } = await RUNTIMES[options.runtime ?? 'onnxruntime-web']();
  const engine = await Engine.load(runtime, manifest, model, provider);
  return new ScoringDetector(artifactOf(manifest, provider), engine);
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
