import { unlessAborted } from './abort.js';
import { RemoteHost } from './channel.js';
import type { Artifact } from './detection.js';
import { DetectorError } from './errors.js';
import type { Host } from './host.js';
import { type BrowserOptions, type NoServer, type ServerOptions, sourceOf } from './options.js';
import { portOf } from './port.js';
import type { LoadOrder } from './protocol.js';
import { type Detector, type HybridDetector, ScoringDetector } from './scorer.js';
import { twoSided } from './two_sided.js';
import { absoluteUrl } from './urls.js';

/** A detector that runs a model here, and nowhere else. */
export type ClientOptions = BrowserOptions & NoServer;

/** A detector of a server, of this page, or of both. */
export type HybridOptions = BrowserOptions & ServerOptions;

/**
 * Makes a detector. Every file is verified before it is used.
 *
 * Without a server, the artifact is loaded at once; with one, as `mode` says, and by the server's delegation unless
 * `baseUrl` or `manifestUrl` says otherwise.
 *
 * @throws DetectorError `fetch_failed`, `bad_manifest`, `digest_mismatch`, `unsupported_model`, `out_of_memory`,
 *   `runtime_failed` or `aborted`.
 * @throws RangeError where the options name no artifact, or contradict each other.
 */
export function createDetector(options: ClientOptions): Promise<Detector>;
export function createDetector(
  options: ClientOptions | HybridOptions,
): Promise<Detector | HybridDetector>;
export function createDetector(options: HybridOptions): Promise<HybridDetector>;
export async function createDetector(
  options: ClientOptions | HybridOptions,
): Promise<HybridDetector> {
  if (options.server !== undefined) return twoSided(options, open);
  if (options.mode !== undefined && options.mode !== 'only_client') {
    throw new RangeError(`mode ${options.mode} needs a server`);
  }
  return open(options);
}

async function open(options: BrowserOptions): Promise<Detector> {
  const order = orderOf(options);
  const signals = options.signal ? [options.signal] : [];
  const [host, artifact] = await unlessAborted(signals, () => loaded(options, order));
  return new ScoringDetector(artifact, host);
}

/** A host that has loaded: in a worker where one starts, else, unless it has to be one, in this thread. */
async function loaded(options: BrowserOptions, order: LoadOrder): Promise<[Host, Artifact]> {
  if (options.thread === 'main') return loadedBy(await hostHere(), options, order);
  const worker = startedWorker(options.workerUrl);
  if (worker instanceof DetectorError) {
    if (options.thread === 'worker') throw worker;
    return loadedBy(await hostHere(), options, order);
  }
  return loadedBy(worker, options, order).catch(async (error: unknown) => {
    if (worker.started || options.thread === 'worker' || options.signal?.aborted) throw error;
    return loadedBy(await hostHere(), options, order);
  });
}

async function loadedBy(
  host: Host,
  { signal, onProgress }: BrowserOptions,
  order: LoadOrder,
): Promise<[Host, Artifact]> {
  const stop = () => void host.close();
  signal?.addEventListener('abort', stop);
  try {
    return [host, await host.load(order, (progress) => onProgress?.(progress))];
  } catch (error) {
    await host.close();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function hostHere(): Promise<Host> {
  const script = await import('./main_thread.js').catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', 'main_thread.js did not load', { cause });
  });
  return script.hostHere();
}

// Bundlers find the worker and the WebAssembly by these very expressions.
function startedWorker(url: string | URL | undefined): RemoteHost | DetectorError {
  try {
    const worker =
      url === undefined
        ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
        : new Worker(url, { type: 'module' });
    return new RemoteHost(portOf(worker));
  } catch (cause) {
    return new DetectorError('runtime_failed', 'no worker can be started here', { cause });
  }
}

function orderOf(options: BrowserOptions): LoadOrder {
  const { wasmUrl, expectedDigest, cache, device } = options;
  return {
    source: sourceOf(options),
    wasmUrl: absoluteUrl(wasmUrl ?? new URL('./ort-wasm-simd-threaded.wasm', import.meta.url)),
    expectedDigest: expectedDigest ?? null,
    cached: cache ?? true,
    device: device ?? 'wasm',
  };
}
