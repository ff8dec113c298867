import { createDetector } from './detector.js';
import type { BrowserOptions, ServerOptions } from './options.js';
import type { HybridDetector } from './scorer.js';
import { twoSided } from './two_sided.js';

/** A detector of a server, of this page, or of both. */
export type HybridOptions = BrowserOptions & ServerOptions;

/** @throws DetectorError in `only_client`, where the model does not load. */
export function createHybridDetector(options: HybridOptions): Promise<HybridDetector> {
  return twoSided(options, createDetector);
}
