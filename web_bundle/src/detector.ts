import { unlessAborted } from './abort.js';
import { RemoteHost } from './channel.js';
import type { Artifact } from './detection.js';
import { DetectorError } from './errors.js';
import type { Host } from './host.js';
import { type BrowserOptions, sourceOf } from './options.js';
import { portOf } from './port.js';
import type { LoadOrder } from './protocol.js';
import { type Detector, ScoringDetector } from './scorer.js';
import { absoluteUrl } from './urls.js';

/**
 * Loads an artifact here; every file is verified before it is used.
 *
 * @throws DetectorError `fetch_failed`, `bad_manifest`, `digest_mismatch`, `not_signed`, `unsupported_model`, `out_of_memory`,
 *   `runtime_failed` or `aborted`.
 * @throws RangeError where the options name no artifact, or two.
 */
export async function createDetector(options: BrowserOptions): Promise<Detector> {
  const order = orderOf(options);
  const signals = options.signal ? [options.signal] : [];
  const [host, artifact] = await unlessAborted(signals, () => loaded(options, order));
  return new ScoringDetector(artifact, host);
}

/** A host that has loaded: in a worker where one starts, else, unless it has to be one, in this thread. */
async function loaded(options: BrowserOptions, order: LoadOrder): Promise<[Host, Artifact]> {
  const { thread, workerUrl, signal } = options;
  if (thread === 'main') return loadedBy(await hostHere(), options, order);
  let worker: RemoteHost | undefined;
  try {
    worker = startedWorker(workerUrl);
    return await loadedBy(worker, options, order);
  } catch (error) {
    if (worker?.started || thread === 'worker' || signal?.aborted) throw error;
    const host = await hostHere().catch(() => {
      throw error;
    });
    return loadedBy(host, options, order);
  }
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
function startedWorker(url: string | URL | undefined): RemoteHost {
  try {
    const worker =
      url === undefined
        ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
        : new Worker(url, { type: 'module' });
    return new RemoteHost(portOf(worker));
  } catch (cause) {
    throw new DetectorError('runtime_failed', 'no worker can be started here', { cause });
  }
}

function orderOf(options: BrowserOptions): LoadOrder {
  const { wasmUrl, expectedDigest, publicKey, cache, device } = options;
  return {
    source: sourceOf(options),
    wasmUrl: absoluteUrl(wasmUrl ?? new URL('./ort-wasm-simd-threaded.wasm', import.meta.url)),
    expectedDigest: expectedDigest ?? null,
    publicKey: publicKey ?? null,
    cached: cache ?? true,
    device: device ?? 'wasm',
  };
}
