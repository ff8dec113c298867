import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { unlessAborted } from './abort.js';
import { RemoteHost } from './channel.js';
import { DetectorError } from './errors.js';
import { described, type Host, LocalHost } from './host.js';
import { NodePlatform } from './node_platform.js';
import { NORMALIZERS } from './normalizers.js';
import {
  type ArtifactOptions,
  type LoadOptions,
  type NoServer,
  requireNoServer,
  type ServerOptions,
  sourceOf,
} from './options.js';
import type { Port } from './port.js';
import type { LoadOrder } from './protocol.js';
import { type Detector, type HybridDetector, ScoringDetector } from './scorer.js';
import type { TokenizedText } from './tokens.js';
import { twoSided } from './two_sided.js';
import { WASM_FILE } from './wasm.js';

export * from './common.js';
export { norm1 } from './norm1.js';
export type { TokenizedText } from './tokens.js';

/** The packages that can run a graph in Node; `onnxruntime-node` is the caller's to install. */
export type RuntimeName = 'onnxruntime-web' | 'onnxruntime-node';

/** Which artifact: a folder on disk, or as in the browser, where URLs are absolute. */
export interface NodeArtifactOptions extends ArtifactOptions {
  /** The artifact's folder, with its manifest.json. */
  readonly folder?: string;
}

/** Which artifact to load, and with what. */
export interface NodeOptions extends NodeArtifactOptions, Omit<LoadOptions, 'cache'> {
  /** `onnxruntime-web` unless said otherwise: the same WebAssembly as in the browser. */
  readonly runtime?: RuntimeName;
  /** A worker thread of the detector's own, unless said otherwise, or this thread. */
  readonly thread?: 'worker' | 'main';
  /** onnxruntime's WebAssembly; beside this script unless said otherwise. */
  readonly wasmUrl?: string | URL;
}

/**
 * Makes a detector, as in the browser. Every file is verified before it is used.
 *
 * @throws DetectorError `fetch_failed`, `bad_manifest`, `digest_mismatch`, `not_signed`, `unsupported_model`, `out_of_memory`,
 *   `runtime_failed` or `aborted`.
 * @throws RangeError where the options name no artifact, or contradict each other.
 */
export function createDetector(options: NodeOptions & NoServer): Promise<Detector>;
export function createDetector(options: NodeOptions & ServerOptions): Promise<HybridDetector>;
export async function createDetector(
  options: NodeOptions & (NoServer | ServerOptions),
): Promise<HybridDetector> {
  if (options.server !== undefined) return twoSided(options, open);
  requireNoServer(options);
  return open(options);
}

/**
 * What turns a text into token ids and windows, as the artifact's graph reads them: docs/windows.md.
 *
 * @throws DetectorError as `createDetector`; `unsupported_model` where the graph reads text.
 */
export async function createTokenizer(
  options: NodeArtifactOptions,
): Promise<(text: string) => TokenizedText> {
  const platform = new NodePlatform('main');
  const { manifest, fetched } = await described(platform, orderOf(options), (file) =>
    platform.file(file, false, () => undefined),
  );
  if (manifest.input.kind === 'text') {
    throw new DetectorError('unsupported_model', `${manifest.model_id} reads text, not tokens`);
  }
  const tokens = await platform.tokensInput(manifest, fetched);
  const normalize = NORMALIZERS[manifest.input.normalizer];
  return (text) => tokens.tokenized(normalize(text));
}

async function open(options: NodeOptions): Promise<Detector> {
  const { thread = 'worker', signal, onProgress } = options;
  const order = orderOf(options);
  const host: Host =
    thread === 'main' ? new LocalHost(new NodePlatform('main')) : new RemoteHost(startedWorker());
  try {
    const signals = signal ? [signal] : [];
    const artifact = await unlessAborted(signals, () =>
      host.load(order, (progress) => onProgress?.(progress)),
    );
    return new ScoringDetector(artifact, host);
  } catch (error) {
    await host.close();
    throw error;
  }
}

function orderOf(options: NodeOptions): LoadOrder {
  const {
    folder,
    runtime,
    expectedDigest,
    publicKey,
    wasmUrl = new URL(WASM_FILE, import.meta.url),
  } = options;
  const manifestUrl = folder && pathToFileURL(join(folder, 'manifest.json'));
  return {
    source: sourceOf({ ...options, ...(manifestUrl && { manifestUrl }) }),
    wasmUrl: String(wasmUrl),
    expectedDigest: expectedDigest ?? null,
    publicKey: publicKey ?? null,
    cached: false,
    device: runtime === 'onnxruntime-node' ? 'native' : 'wasm',
  };
}

function startedWorker(): Port {
  // Its own script needs none of the options that the program was started with, and some would stop it.
  const options = { execArgv: [] };
  const worker = new Worker(new URL('./node_worker.js', import.meta.url), options);
  return {
    post: (message) => worker.postMessage(message),
    listen(onMessage, onStop) {
      worker.on('message', onMessage);
      worker.on('error', (error) => onStop(error instanceof Error ? error.message : String(error)));
      worker.on('exit', (code) => onStop(`exit code ${code}`));
    },
    hold(awaited) {
      if (awaited) worker.ref();
      else worker.unref();
    },
    close: () => void worker.terminate(),
  };
}
