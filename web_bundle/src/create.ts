import { createDetector as createClient } from './detector.js';
import { createHybridDetector, type HybridOptions } from './hybrid.js';
import { type BrowserOptions, type NoServer, requireNoServer } from './options.js';
import type { Detector, HybridDetector } from './scorer.js';

/** A detector that runs a model here, and nowhere else. */
export type ClientOptions = BrowserOptions & NoServer;

/**
 * Makes a detector. Every file is verified before it is used.
 *
 * Without a server, the artifact is loaded at once; with one, as `mode` says, and by the server's delegation unless
 * `baseUrl` or `manifestUrl` says otherwise.
 *
 * @throws DetectorError `fetch_failed`, `bad_manifest`, `digest_mismatch`, `not_signed`, `unsupported_model`, `out_of_memory`,
 *   `runtime_failed`, `server_failed` or `aborted`.
 * @throws RangeError where the options name no artifact, or contradict each other.
 */
export function createDetector(options: ClientOptions): Promise<Detector>;
export function createDetector(options: HybridOptions): Promise<HybridDetector>;
export function createDetector(options: ClientOptions | HybridOptions): Promise<HybridDetector>;
export async function createDetector(
  options: ClientOptions | HybridOptions,
): Promise<HybridDetector> {
  if (options.server !== undefined) return createHybridDetector(options);
  requireNoServer(options);
  return createClient(options);
}
